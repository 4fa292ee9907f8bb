import fc from 'fast-check';
import { from, lastValueFrom, type Observable, reduce, Subject } from 'rxjs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { into } from '../../../pipelines/flow/into.ts';
import type { Envelope } from '../../../pipelines/flow/stage.ts';
import { Refusal } from '../../../schemas/refusal.ts';
import { isSettled, ListDoor, ListSink, turns } from '../../doubles.ts';

const closed = { next: () => expect.unreachable('nothing was to be refused') };
const batches = fc.array(fc.array(fc.integer(), { minLength: 1, maxLength: 12 }), {
  maxLength: 20,
});
const size = fc.integer({ min: 1, max: 20 });

/** Envelopes that note, when they settle, which they are. */
function envelopes(all: readonly (readonly number[])[]) {
  const settled: number[] = [];
  const made = all.map((values, index): Envelope<number> => ({
    values,
    settle: () => void settled.push(index),
  }));
  return { made, settled };
}

const total = (counts: Observable<number>) =>
  lastValueFrom(counts.pipe(reduce((sum, count) => sum + count, 0)), { defaultValue: 0 });

const refusing = (isPoison: (value: number) => boolean) => (batch: readonly number[]) => {
  if (batch.some(isPoison)) throw new Refusal('rejected-by-sink', 'poison');
};

/** A write that the test lets pass, one after another. */
function gated(sink: ListSink<number>) {
  const waiting: PromiseWithResolvers<void>[] = [];
  sink.before = () => {
    const gate = Promise.withResolvers<void>();
    waiting.push(gate);
    return gate.promise;
  };
  return { pass: () => waiting.shift()!.resolve(), waiting };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('all values are written once, in order, in batches of at most `size` or one envelope, and all settle in order', async () => {
  await fc.assert(
    fc.asyncProperty(batches, size, async (all, most) => {
      const sink = new ListSink<number>();
      const { made, settled } = envelopes(all);
      const count = await total(from(made).pipe(into(sink, { size: most, lingerMs: 0 }, closed)));
      const biggest = Math.max(most, ...all.map(({ length }) => length));
      expect(sink.values).toEqual(all.flat());
      expect(count).toBe(all.flat().length);
      expect(sink.sizes.every((written) => written <= biggest)).toBe(true);
      expect(settled).toEqual([...all.keys()]);
    }),
  );
});

test('poison in a batch is found exactly, in O(log n) writes each, and all else is written in order', async () => {
  const batch = fc.array(fc.boolean(), { minLength: 1, maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(batch, async (poisonous) => {
      const values = [...poisonous.keys()];
      const poison = values.filter((index) => poisonous[index]);
      const sink = new ListSink<number>();
      sink.before = refusing((value) => poisonous[value]!);
      const door = new ListDoor<number>();
      const { made, settled } = envelopes([values]);
      await total(from(made).pipe(into(sink, { size: 1_000, lingerMs: 0 }, door)));

      expect(door.refused).toEqual(poison);
      expect(sink.values).toEqual(values.filter((index) => !poisonous[index]));
      const perPoison = 2 * Math.ceil(Math.log2(values.length));
      expect(sink.sizes.length).toBeLessThanOrEqual(1 + poison.length * perPoison);
      expect(settled).toEqual(poison.length === 0 ? [0] : []);
    }),
  );
});

test('values that must be written together are, though the cutting around poison has parted them', async () => {
  const batch = fc.array(fc.boolean(), { minLength: 4, maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(batch, async (poisonous) => {
      const values = [...poisonous.keys()];
      const last = values.length - 1;
      const poison = values.filter((index) => poisonous[index] && index > 0 && index < last);
      const sink = new ListSink<number>();
      sink.before = (written) => {
        refusing((value) => poison.includes(value))(written);
        if (written.includes(0) && !written.includes(last) && !sink.values.includes(last))
          throw new Refusal('rejected-by-sink', 'the last is in the way', { isInTheWay: true });
      };
      const door = new ListDoor<number>();
      await total(from(envelopes([values]).made).pipe(into(sink, { size: 99, lingerMs: 0 }, door)));
      expect(door.refused).toEqual(poison);
      expect(sink.values.toSorted((a, b) => a - b)).toEqual(
        values.filter((index) => !poison.includes(index)),
      );
    }),
  );
});

test('of a batch with poison only the envelopes that hold it wait for the letter', async () => {
  const sink = new ListSink<number>();
  sink.before = refusing((value) => value === 4);
  const door = new ListDoor<number>();
  const { made, settled } = envelopes([[1], [2], [3, 4], [5]]);
  await total(from(made).pipe(into(sink, { size: 10, lingerMs: 0 }, door)));
  expect(sink.sizes.slice(0, 2)).toEqual([1, 4]);
  expect(settled).toEqual([0, 1, 3]);
  door.envelopes[0]!.settle();
  expect(settled).toEqual([0, 1, 3, 2]);
});

test('an envelope settles when its write is durable, not before', async () => {
  const sink = new ListSink<number>();
  const { pass } = gated(sink);
  const { made, settled } = envelopes([[1]]);
  const done = total(from(made).pipe(into(sink, { size: 1, lingerMs: 0 }, closed)));
  await turns();
  expect(settled).toEqual([]);
  pass();
  await done;
  expect(settled).toEqual([0]);
});

test('one write at a time; what arrives during it goes with the next', async () => {
  const sink = new ListSink<number>();
  const { pass, waiting } = gated(sink);
  const subject = new Subject<Envelope<number>>();
  const done = total(subject.pipe(into(sink, { size: 10, lingerMs: 0 }, closed)));
  const { made } = envelopes([[1], [2], [3], [4]]);
  for (const envelope of made) subject.next(envelope);
  await turns();
  expect(waiting.length).toBe(1);
  pass();
  await turns();
  expect(sink.sizes).toEqual([1, 3]);
  pass();
  subject.complete();
  await done;
  expect(sink.values).toEqual([1, 2, 3, 4]);
});

test('what is prepared while the sink waits is the very batch that it writes next, and is full by half', async () => {
  await fc.assert(
    fc.asyncProperty(batches, size, async (all, most) => {
      const sink = new ListSink<number>();
      await total(from(envelopes(all).made).pipe(into(sink, { size: most, lingerMs: 0 }, closed)));
      for (const [n, [what, batch]] of sink.told.entries()) {
        if (what !== 'prepare') continue;
        expect(sink.told[n - 1]?.[0]).toBe('write');
        expect(sink.told[n + 1]?.[0]).toBe('write');
        expect(sink.told[n + 1]?.[1]).toBe(batch);
        expect(batch.length).toBeGreaterThan(0);
      }
    }),
  );
});

test('what comes while the sink waits is prepared once it is full, and not written before its turn', async () => {
  const sink = new ListSink<number>();
  const { pass } = gated(sink);
  const subject = new Subject<Envelope<number>>();
  const done = total(subject.pipe(into(sink, { size: 4, lingerMs: 0 }, closed)));
  for (const envelope of envelopes([[1], [2], [3], [4]]).made) subject.next(envelope);
  await turns();
  expect(sink.told).toEqual([['write', [1]]]);
  for (const envelope of envelopes([[5], [6]]).made) subject.next(envelope);
  await turns();
  expect(sink.told.slice(1)).toEqual([['prepare', [2, 3, 4, 5]]]);
  pass();
  await turns();
  expect(sink.told.slice(2)).toEqual([['write', [2, 3, 4, 5]]]);
  pass();
  await turns();
  pass();
  subject.complete();
  await done;
  expect(sink.values).toEqual([1, 2, 3, 4, 5, 6]);
});

test('an outage stops: its batch and all after it stay unsettled, and nothing more is written', async () => {
  await fc.assert(
    fc.asyncProperty(batches, size, fc.nat(10), async (all, most, failing) => {
      const sink = new ListSink<number>();
      let writes = 0;
      sink.before = () => {
        if (writes++ === failing) throw new Error('connection lost');
      };
      const { made, settled } = envelopes(all);
      const flow = total(from(made).pipe(into(sink, { size: most, lingerMs: 0 }, closed)));
      const failed = await flow.then(
        () => false,
        (error: Error) => error.message === 'connection lost',
      );
      await turns();
      expect(failed).toBe(sink.sizes.length > failing);
      expect(sink.sizes.length).toBeLessThanOrEqual(failing + 1);
      expect(sink.values).toEqual(settled.flatMap((index) => all[index]!));
      expect(settled).toEqual([...settled.keys()]);
    }),
  );
});

test('an outage amid the search for poison stops, with nothing settled and nothing refused', async () => {
  const sink = new ListSink<number>();
  sink.before = (batch) => {
    if (sink.sizes.length === 3) throw new Error('connection lost');
    refusing((value) => value === 3)(batch);
  };
  const { made, settled } = envelopes([
    [1, 2],
    [3, 4],
  ]);
  const door = new ListDoor<number>();
  const subject = new Subject<Envelope<number>>();
  const done = total(subject.pipe(into(sink, { size: 4, lingerMs: 10 }, door)));
  for (const envelope of made) subject.next(envelope);
  await expect(done).rejects.toThrow('connection lost');
  expect(settled).toEqual([]);
  expect(door.envelopes).toEqual([]);
});

test('a batch that is not full waits for `lingerMs`, a full one does not', async () => {
  const sink = new ListSink<number>();
  const subject = new Subject<Envelope<number>>();
  const done = total(subject.pipe(into(sink, { size: 3, lingerMs: 100 }, closed)));
  const { made } = envelopes([[1], [2], [3], [4]]);

  subject.next(made[0]!);
  await vi.advanceTimersByTimeAsync(99);
  expect(sink.sizes).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(sink.sizes).toEqual([1]);

  for (const envelope of made.slice(1)) subject.next(envelope);
  await turns();
  expect(sink.sizes).toEqual([1, 3]);
  subject.complete();
  await done;
});

test('the end of the source writes what still lingers, then completes', async () => {
  const sink = new ListSink<number>();
  const subject = new Subject<Envelope<number>>();
  const done = total(subject.pipe(into(sink, { size: 9, lingerMs: 1_000 }, closed)));
  subject.next(envelopes([[1, 2]]).made[0]!);
  expect(await isSettled(done)).toBe(false);
  subject.complete();
  expect(await done).toBe(2);
  expect(sink.values).toEqual([1, 2]);
});

test('whoever leaves the flow stops the writing: what waits is not written', async () => {
  const sink = new ListSink<number>();
  const { pass } = gated(sink);
  const subject = new Subject<Envelope<number>>();
  const subscription = subject.pipe(into(sink, { size: 1, lingerMs: 0 }, closed)).subscribe();
  for (const envelope of envelopes([[1], [2]]).made) subject.next(envelope);
  subscription.unsubscribe();
  pass();
  await turns();
  expect(sink.sizes).toEqual([1]);
});
