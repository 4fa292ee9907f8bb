import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Turns } from '../../../pipelines/backfill/turns.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const forEver = new AbortController().signal;

/** Ranges that ask for their turn, and what says that they are over. */
function ranges(turns: Turns, signal = forEver) {
  const begun: string[] = [];
  const over = new Map<string, () => void>();
  const ask = async (name: string) => {
    over.set(name, await turns.take(signal));
    begun.push(name);
  };
  return { begun, ask, over: (name: string) => over.get(name)?.() };
}

const settled = () => vi.advanceTimersByTimeAsync(0);

test('one range begins when the one before it is over, whoever says so how often', async () => {
  const { begun, ask, over } = ranges(new Turns());
  for (const name of ['a', 'b', 'c']) void ask(name);
  await settled();
  expect(begun).toEqual(['a']);
  over('a');
  over('a');
  await settled();
  expect(begun).toEqual(['a', 'b']);
  over('a');
  await settled();
  expect(begun).toEqual(['a', 'b']);
  over('b');
  await settled();
  expect(begun).toEqual(['a', 'b', 'c']);
});

test('one that takes long has another begin beside it, and a third waits for that', async () => {
  const { begun, ask, over } = ranges(new Turns());
  for (const name of ['a', 'b', 'c']) void ask(name);
  await vi.advanceTimersByTimeAsync(399);
  expect(begun).toEqual(['a']);
  await vi.advanceTimersByTimeAsync(1);
  expect(begun).toEqual(['a', 'b']);
  over('a');
  await settled();
  expect(begun).toEqual(['a', 'b']);
  over('b');
  await settled();
  expect(begun).toEqual(['a', 'b', 'c']);
});

test('who waits when all is over is let go', async () => {
  const stop = new AbortController();
  const { begun, ask } = ranges(new Turns(), stop.signal);
  void ask('a');
  void ask('b');
  await settled();
  expect(begun).toEqual(['a']);
  stop.abort();
  await settled();
  expect(begun).toEqual(['a', 'b']);
});
