import fc from 'fast-check';
import { expect, test } from 'vitest';
import { laneOf } from '../../sinks/record-batch.ts';
import { roundsOf } from '../../sinks/record-rounds.ts';
import type { Records } from '../../schemas/records.ts';

const limit = 1_000;
const all = fc.array(
  fc.record({
    topic: fc.constantFrom('a', 'b'),
    partition: fc.nat(3),
    count: fc.integer({ min: 1, max: 3 }),
    bytes: fc.oneof(fc.nat(400), fc.nat(1_500)).map((length) => Buffer.alloc(length)),
  }),
  { maxLength: 60 },
);

const byLane = (records: readonly Records[]) => Map.groupBy(records, laneOf);

test('rounds hold all records, and those of a lane in order', () => {
  fc.assert(
    fc.property(all, (records) => {
      expect(byLane([...roundsOf(records, limit)].flat())).toEqual(byLane(records));
    }),
  );
});

test('a round holds a lane once, and no more than its limit but for a single batch', () => {
  fc.assert(
    fc.property(all, (records) => {
      for (const round of roundsOf(records, limit)) {
        expect(byLane(round).size).toBe(round.length);
        const bytes = round.reduce((sum, own) => sum + own.bytes.length, 0);
        if (round.length > 1) expect(bytes).toBeLessThanOrEqual(limit);
      }
    }),
  );
});

test('small batches of many lanes make as many rounds as the longest lane has', () => {
  const lane = (partition: number, many: number) =>
    Array.from({ length: many }, () => ({
      topic: 't',
      partition,
      count: 1,
      bytes: Buffer.alloc(1),
    }));
  const rounds = [...roundsOf([...lane(0, 3), ...lane(1, 1), ...lane(2, 2)], limit)];
  expect(rounds.map((round) => round.length)).toEqual([3, 2, 1]);
});

test('there is no round of nothing', () => {
  const nothing = { topic: 't', partition: 0, count: 0, bytes: Buffer.alloc(0) };
  expect([...roundsOf([], limit)]).toEqual([]);
  expect([...roundsOf([nothing], limit)]).toEqual([]);
});
