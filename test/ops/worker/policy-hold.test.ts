import { lastValueFrom, NEVER, of } from 'rxjs';
import { expect, test } from 'vitest';
import { CannotRun } from '../../../contracts/cannot-run.ts';
import { PolicyHold } from '../../../ops/worker/policy-hold.ts';
import { ListSink } from '../../doubles.ts';

const refusal = new CannotRun({ what: 'policy p2 is stricter', where: 'x', fix: 'y' });
const later = new CannotRun({ what: 'policy p3 is stricter', where: 'x', fix: 'y' });

/** A sink as those of topics are: an object, and no instance of a class. */
const listed = (list: ListSink<number>) => ({
  name: list.name,
  write: (batch: readonly number[]) => list.write(batch),
  [Symbol.asyncDispose]: () => list[Symbol.asyncDispose](),
});

test('as long as the policy lets it, everything is told', async () => {
  const hold = new PolicyHold();
  const list = new ListSink<number>();
  hold.check();
  await hold.sink(listed(list)).write([1, 2]);
  expect(list.values).toEqual([1, 2]);
  expect(await lastValueFrom(hold.run(of(3, 4)))).toBe(4);
});

test('once it does not, no sink takes anything and the pipeline fails, though nothing comes, by the first reason', async () => {
  const hold = new PolicyHold();
  const list = new ListSink<number>();
  const sink = hold.sink(listed(list));
  await sink.write([1]);
  const running = lastValueFrom(hold.run(NEVER));
  hold.end(refusal);
  hold.end(later);
  await expect(running).rejects.toBe(refusal);
  await expect(sink.write([2])).rejects.toBe(refusal);
  expect(list.values).toEqual([1]);
  await expect(lastValueFrom(hold.run(NEVER))).rejects.toBe(refusal);
  expect(() => hold.check()).toThrow(refusal.message);
});
