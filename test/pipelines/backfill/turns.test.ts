import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Turns } from '../../../pipelines/backfill/turns.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const forEver = new AbortController().signal;

/** Ranges that ask for their turn, and what says that they are over. */
function ranges(names: string, signal = forEver) {
  const turns = new Turns();
  const begun = new Map<string, () => void>();
  for (const name of names) void turns.take(signal).then((over) => void begun.set(name, over));
  return {
    over: (name: string) => begun.get(name)?.(),
    begun: async (afterMs = 0) => {
      await vi.advanceTimersByTimeAsync(afterMs);
      return [...begun.keys()].join('');
    },
  };
}

test('one range begins when the one before it is over, whoever says so how often', async () => {
  const { begun, over } = ranges('abc');
  expect(await begun()).toBe('a');
  over('a');
  over('a');
  expect(await begun()).toBe('ab');
  over('a');
  expect(await begun()).toBe('ab');
  over('b');
  expect(await begun()).toBe('abc');
});

test('one that takes long has another begin beside it, and a third waits for that', async () => {
  const { begun, over } = ranges('abc');
  expect(await begun(399)).toBe('a');
  expect(await begun(1)).toBe('ab');
  over('a');
  expect(await begun()).toBe('ab');
  over('b');
  expect(await begun()).toBe('abc');
});

test('who waits when all is over is let go', async () => {
  const stop = new AbortController();
  const { begun } = ranges('ab', stop.signal);
  expect(await begun()).toBe('a');
  stop.abort();
  expect(await begun()).toBe('ab');
});
