import fc from 'fast-check';
import { expect, test } from 'vitest';
import { firstPosition, PositionOrder } from '../../processors/position-order.ts';
import type { ProvedRecord } from '../../schemas/segment-bytes.ts';
import { placeAt, provedRecord } from './proved-records.ts';

interface Fed {
  readonly lanes: readonly (readonly ProvedRecord[])[];
  readonly floor?: string;
  readonly limit?: string | null;
  readonly chunk?: (left: number) => number;
}

/** What comes out, by partition and offset, and where it stands. */
function ordered({ lanes, floor = firstPosition, limit = null, chunk = (left) => left }: Fed) {
  const partitions = lanes.map((_, partition) => partition);
  const order = new PositionOrder<ProvedRecord>({ floor, limit, partitions });
  const fed = lanes.map(() => 0);
  const out: string[] = [];
  for (let { wanted } = order; wanted.length > 0; { wanted } = order) {
    for (const partition of wanted) {
      const lane = lanes[partition]!;
      const from = fed[partition]!;
      if (from === lane.length) {
        order.end(partition);
        continue;
      }
      const to = from + Math.max(1, chunk(lane.length - from));
      fed[partition] = Math.min(to, lane.length);
      order.feed(partition, lane.slice(from, to));
    }
    order.take(({ partition, offset }, place) => out.push(`${partition}/${offset}@${place}`));
  }
  return out;
}

const lanesOf = (...lanes: readonly (readonly number[])[]) =>
  lanes.map((lsns, partition) =>
    lsns.map((lsn, offset) => provedRecord({ partition, offset, lsn })),
  );

test('records of several partitions come in the order of their positions', () => {
  expect(ordered({ lanes: lanesOf([1, 4], [2, 3, 5]) })).toEqual([
    `0/0@${placeAt(1)}`,
    `1/0@${placeAt(2)}`,
    `1/1@${placeAt(3)}`,
    `0/1@${placeAt(4)}`,
    `1/2@${placeAt(5)}`,
  ]);
});

test('what came late stands where it came, and nothing stands before the segment', () => {
  expect(ordered({ lanes: lanesOf([5, 2, 7], [3]), floor: placeAt(4) })).toEqual([
    `1/0@${placeAt(4)}`,
    `0/0@${placeAt(5)}`,
    `0/1@${placeAt(5)}`,
    `0/2@${placeAt(7)}`,
  ]);
});

test('nothing is taken beyond the limit, nor what follows it in its partition', () => {
  expect(ordered({ lanes: lanesOf([1, 9, 2], [3, 4]), limit: placeAt(4) })).toEqual([
    `0/0@${placeAt(1)}`,
    `1/0@${placeAt(3)}`,
    `1/1@${placeAt(4)}`,
  ]);
});

const lanes = fc
  .array(fc.array(fc.nat(20), { maxLength: 12 }), { minLength: 1, maxLength: 4 })
  .map((lsns) => lanesOf(...lsns));

test('the order does not depend on how much of a partition came at once', () => {
  fc.assert(
    fc.property(lanes, fc.infiniteStream(fc.nat(5)), (fed, chunks) => {
      const chunk = () => chunks.next().value ?? 1;
      expect(ordered({ lanes: fed, chunk })).toEqual(ordered({ lanes: fed }));
    }),
  );
});

test('every record comes once, its partition in order, and places never go back', () => {
  fc.assert(
    fc.property(lanes, (fed) => {
      const out = ordered({ lanes: fed });
      expect(new Set(out).size).toBe(fed.flat().length);
      const places = out.map((each) => each.split('@')[1]!);
      expect(places).toEqual(places.toSorted());
      for (const [partition, lane] of fed.entries()) {
        const own = out.filter((each) => each.startsWith(`${partition}/`));
        expect(own.map((each) => each.split('@')[0])).toEqual(
          lane.map(({ offset }) => `${partition}/${offset}`),
        );
      }
    }),
  );
});
