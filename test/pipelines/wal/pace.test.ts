import { expect, test } from 'vitest';
import { Pace } from '../../../pipelines/wal/pace.ts';

const workMs = 1; // What a gulp takes beside the rest.

/** The rests before each of so many gulps, where a rest brings so many bytes. */
function rests(count: number, bytesAfter: (ms: number) => number): readonly number[] {
  const pace = new Pace();
  return Array.from({ length: count }, () => {
    const { ms } = pace;
    pace.went(bytesAfter(ms), ms + workMs);
    return ms;
  });
}

test('as long as a longer rest brings more, it rests longer, to a limit', () => {
  const all = rests(1_000, (ms) => ms * 50_000);
  expect(all[0]).toBe(1);
  expect([...all].sort((a, b) => a - b)).toEqual(all);
  expect(all.at(-1)).toBe(15);
});

test('a socket that holds little is read as often as before, but for a look now and then', () => {
  const all = rests(10_000, () => 64_000);
  expect(Math.max(...all)).toBe(2);
  const mean = all.reduce((sum, ms) => sum + ms, 0) / all.length;
  expect(mean).toBeLessThan(1.1);
});

test('a socket that holds more than little rests for as long as it takes to fill', () => {
  const all = rests(10_000, (ms) => Math.min(ms * 50_000, 220_000));
  expect(Math.max(...all)).toBe(8);
  expect(all.filter((ms) => ms === 4).length).toBeGreaterThan(8_000);
});
