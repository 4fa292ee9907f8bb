import { expect, test } from 'vitest';
import { type Sight, stageLines } from '../../../ops/start/stage-lines.ts';

const state = (settled: number, { refused = 0, running = true } = {}) => ({
  settled,
  refused,
  running,
});

function sight(atMs: number, states: Sight['states'], bytes = 0): Sight {
  const capture = { head: '0/0', durable: '0/0', acknowledged: '0/0', bytes, seconds: 0 };
  return {
    atMs,
    states,
    lag: { capture, stages: [{ pipeline: 'govern', changes: 42, again: 2 }] },
  };
}

/** The columns of a stage's line. */
const columns = (lines: readonly string[], stage: string) =>
  lines.find((line) => line.startsWith(`${stage} `))?.split(/\s{2,}/);

test('a line per stage: its speed since the last sight, how far it is behind, what it refused', () => {
  const lines = stageLines(
    sight(1_000, [
      ['capture', state(100)],
      ['govern', state(50)],
    ]),
    sight(
      3_000,
      [
        ['capture', state(2_100)],
        ['govern', state(60, { refused: 3 })],
      ],
      2_048,
    ),
  );
  expect(lines).toEqual([
    'stage                 changes/s           behind  refused',
    'capture                    1000             2 kB        0',
    'govern                        5       42 changes        3',
  ]);
});

test('at the first sight nothing is known of the speed', () => {
  expect(columns(stageLines(null, sight(1, [['govern', state(9_999)]])), 'govern')?.[1]).toBe('0');
});

test('how far a stage is behind is left open where it is not known', () => {
  const lines = stageLines(null, sight(1, [['noise', state(7)]]));
  expect(columns(lines, 'noise')?.[2]).toBe('-');
});

test('a worker that was started anew counts from zero: its speed is never negative', () => {
  const lines = stageLines(
    sight(0, [['govern', state(5_000)]]),
    sight(1_000, [['govern', state(10)]]),
  );
  expect(columns(lines, 'govern')?.[1]).toBe('0');
});

const notes = [
  { name: 'does not answer', state: null, note: 'does not answer; started again if it died' },
  { name: 'waits', state: state(1, { running: false }), note: 'waits out an outage; see its log' },
] as const;

for (const { name, state: now, note } of notes)
  test(`a stage that ${name} says so`, () => {
    const lines = stageLines(sight(0, [['govern', now]]), sight(1_000, [['govern', now]]));
    expect(columns(lines, 'govern')?.at(-1)).toBe(note);
  });

const sizes = [
  [0, '0 kB'],
  [1_536, '2 kB'],
  [1_048_575, '1024 kB'],
  [5_242_880, '5 MB'],
] as const;

for (const [bytes, text] of sizes)
  test(`${bytes} bytes behind read as ${text}`, () => {
    const lines = stageLines(null, sight(0, [['capture', state(0)]], bytes));
    expect(columns(lines, 'capture')?.[2]).toBe(text);
  });
