import fc from 'fast-check';
import { from, lastValueFrom, reduce } from 'rxjs';
import { expect, test } from 'vitest';
import { intoLanes } from '../../../pipelines/flow/lanes.ts';
import type { Envelope } from '../../../pipelines/flow/stage.ts';
import { Refusal } from '../../../schemas/refusal.ts';
import { ListDoor, ListSink } from '../../doubles.ts';

interface Laned {
  readonly lane: number;
  readonly n: number;
}

const laneOf = ({ lane }: Laned) => lane;
const deliveries = fc.array(
  fc.record({ lane: fc.integer({ min: 0, max: 6 }), count: fc.integer({ min: 1, max: 5 }) }),
  { maxLength: 40 },
);

test('whatever the lanes and however long writes take, a lane is written in order and once, by one writer at a time, and all settle', async () => {
  await fc.assert(
    fc.asyncProperty(
      deliveries,
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 8 }),
      fc.scheduler(),
      fc.nat(50),
      async (all, writers, size, scheduler, poison) => {
        let n = 0;
        const settled: number[] = [];
        const envelopes = all.map(({ lane, count }, index): Envelope<Laned> => ({
          values: Array.from({ length: count }, () => ({ lane, n: n++ })),
          settle: () => void settled.push(index),
        }));
        const sink = new ListSink<Laned>();
        const busy: (readonly number[])[] = [];
        let most = 0;
        sink.before = async (batch) => {
          const lanes = batch.map(laneOf);
          expect(busy.flat().some((lane) => lanes.includes(lane))).toBe(false);
          busy.push(lanes);
          most = Math.max(most, busy.length);
          await scheduler.schedule(Promise.resolve());
          busy.splice(busy.indexOf(lanes), 1);
          if (batch.some((value) => value.n === poison))
            throw new Refusal('rejected-by-sink', 'poison');
        };
        const door = new ListDoor<Laned>();
        const written = lastValueFrom(
          from(envelopes).pipe(
            intoLanes(sink, { size, lingerMs: 0, writers, laneOf }, door),
            reduce((sum, count) => sum + count, 0),
          ),
          { defaultValue: 0 },
        );
        const total = await scheduler.waitFor(written);

        const refused = door.refused.map((value) => value.n);
        expect(refused).toEqual(poison < n ? [poison] : []);
        expect(total).toBe(n - refused.length);
        expect(sink.values.map((value) => value.n).sort((a, b) => a - b)).toEqual(
          [...Array(n).keys()].filter((value) => value !== poison),
        );
        for (const lane of new Set(sink.values.map(laneOf))) {
          const own = sink.values.filter((value) => value.lane === lane).map((value) => value.n);
          expect(own).toEqual([...own].sort((a, b) => a - b));
        }
        expect(most).toBeLessThanOrEqual(writers);
        expect(settled.length + door.envelopes.length).toBe(all.length);
      },
    ),
  );
});

test('lanes are shared out evenly among the writers', async () => {
  const envelopes = [3, 5, 7, 9].map((lane): Envelope<Laned> => ({
    values: [{ lane, n: lane }],
    settle: () => {},
  }));
  const sink = new ListSink<Laned>();
  const waiting: PromiseWithResolvers<void>[] = [];
  sink.before = () => {
    const gate = Promise.withResolvers<void>();
    waiting.push(gate);
    return gate.promise;
  };
  const done = lastValueFrom(
    from(envelopes).pipe(
      intoLanes(sink, { size: 1, lingerMs: 0, writers: 2, laneOf }, new ListDoor()),
      reduce((sum, count) => sum + count, 0),
    ),
  );
  expect(sink.sizes).toEqual([1, 1]);
  sink.before = () => {};
  for (const gate of waiting) gate.resolve();
  expect(await done).toBe(4);
});
