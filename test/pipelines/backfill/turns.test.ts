import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Turns } from '../../../pipelines/backfill/turns.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const forEver = new AbortController().signal;

/** What is done in turns: named as it begins, and ended, or said to be over, from outside. */
function work(turns: Turns, signal = forEver) {
  const begun: string[] = [];
  const overs = new Map<string, () => void>();
  const ends = new Map<string, () => void>();
  const ask = (name: string) =>
    turns.next(signal, (over) => {
      begun.push(name);
      overs.set(name, over);
      return new Promise<void>((resolve) => ends.set(name, resolve));
    });
  return {
    begun,
    ask,
    over: (name: string) => overs.get(name)?.(),
    end: (name: string) => ends.get(name)?.(),
  };
}

const settled = () => vi.advanceTimersByTimeAsync(0);

test('one range begins when the one before it says that it is over, and a third when the second has ended', async () => {
  const { begun, ask, over, end } = work(new Turns());
  for (const name of ['a', 'b', 'c']) void ask(name);
  await settled();
  expect(begun).toEqual(['a']);
  over('a');
  await settled();
  expect(begun).toEqual(['a', 'b']);
  over('a'); // Once more: it has no turn to give back.
  end('a');
  await settled();
  expect(begun).toEqual(['a', 'b']);
  end('b');
  await settled();
  expect(begun).toEqual(['a', 'b', 'c']);
});

test('one that takes long has another begin beside it, and a third waits for either', async () => {
  const { begun, ask, over } = work(new Turns());
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

test('one that fails gives its turn back, and who waits when all is over is let go', async () => {
  const turns = new Turns();
  await expect(turns.next(forEver, () => Promise.reject(new Error('lost')))).rejects.toThrow(
    'lost',
  );
  const stop = new AbortController();
  const { begun, ask } = work(turns, stop.signal);
  void ask('a');
  void ask('b');
  await settled();
  expect(begun).toEqual(['a']);
  stop.abort();
  await settled();
  expect(begun).toEqual(['a', 'b']);
});
