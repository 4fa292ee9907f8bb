import { expect, test } from 'vitest';
import { Pushed } from '../../../pipelines/backfill/pushed.ts';
import { isSettled, turns } from '../../doubles.ts';

test('whoever has pushed too much waits until something is taken', async () => {
  const pushed = new Pushed(new AbortController().signal);
  expect(await pushed.fewerThan(1)).toBe(true);
  const [first, second] = [pushed.add(), pushed.add()];
  const waiting = pushed.fewerThan(1);
  first();
  await turns(5);
  expect(await isSettled(waiting)).toBe(false);
  second();
  expect(await waiting).toBe(true);
});

test('whoever waits in vain is told, and what was taken before is no reason', async () => {
  const pushed = new Pushed(new AbortController().signal);
  const taken = pushed.add();
  pushed.add();
  taken(); // Nobody waited.
  expect(await pushed.fewerThan(2, 10_000)).toBe(true);
  expect(await pushed.fewerThan(1, 20)).toBe(false);
});

test('as long as something is taken in time there is patience', async () => {
  const pushed = new Pushed(new AbortController().signal);
  const all = Array.from({ length: 5 }, () => pushed.add());
  const waiting = pushed.fewerThan(1, 5_000);
  for (const taken of all) {
    taken();
    await turns(2);
  }
  expect(await waiting).toBe(true);
});

test('when it is over nobody waits', async () => {
  const over = new AbortController();
  const pushed = new Pushed(over.signal);
  pushed.add();
  const waiting = pushed.fewerThan(1);
  over.abort(new Error('over'));
  await expect(waiting).rejects.toThrow('over');
});
