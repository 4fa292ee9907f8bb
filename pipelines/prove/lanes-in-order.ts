import { PositionOrder } from '../../processors/position-order.ts';
import type { LaneRecords } from '../topic/lane-records.ts';
import type { Received } from '../topic/received.ts';

/** A record, and the place where it stands among those of all partitions. */
export interface Placed {
  readonly record: Received;
  readonly place: string;
}

interface Ordered {
  /** By partition: offsets from, and up to. */
  readonly ranges: ReadonlyMap<number, readonly [from: number, to: number]>;
  readonly floor: string;
  readonly limit: string | null;
  readonly prepare: (batch: readonly Received[]) => Promise<void>;
}

/** Reads partitions of a topic as one, in the order of positions: a fetch of each is in memory, and no more. */
export async function* lanesInOrder(
  lanes: Pick<LaneRecords, 'read'>,
  { ranges, floor, limit, prepare }: Ordered,
): AsyncIterable<readonly Placed[]> {
  const order = new PositionOrder<Received>({ floor, limit, partitions: [...ranges.keys()] });
  const readers = new Map(
    [...ranges].map(([partition, [from, to]]) => [
      partition,
      lanes.read(partition, BigInt(from), BigInt(to))[Symbol.asyncIterator](),
    ]),
  );
  for (let { wanted } = order; wanted.length > 0; { wanted } = order) {
    // One after the other: a client has one fetch under way at a time.
    for (const partition of wanted) {
      const next = await readers.get(partition)?.next();
      if (!next || next.done) {
        order.end(partition);
        continue;
      }
      await prepare(next.value);
      order.feed(partition, next.value);
    }
    const placed: Placed[] = [];
    order.take((record, place) => placed.push({ record, place }));
    if (placed.length > 0) yield placed;
  }
}
