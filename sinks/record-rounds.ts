import { laneOf } from './record-batch.ts';
import type { Records } from '../schemas/records.ts';

/**
 * In what rounds records are to be sent, each when the one before it is written: a lane at most once
 * in a round, for a broker takes one batch of it at a time, and in the order given. A round has at
 * most `roundBytes`, unless it is of a single batch.
 */
export function* roundsOf(
  all: readonly Records[],
  roundBytes: number,
): Generator<readonly Records[], void> {
  const lanes = Map.groupBy(
    all.filter(({ count }) => count > 0),
    laneOf,
  );
  let waiting = [...lanes.values()].map((records) => ({ records, next: 0 }));
  while (waiting.length > 0) {
    const round: Records[] = [];
    let bytes = 0;
    const skipped: typeof waiting = [];
    const taken: typeof waiting = [];
    for (const queue of waiting) {
      const first = queue.records[queue.next];
      if (!first) continue;
      if (round.length > 0 && bytes + first.bytes.length > roundBytes) {
        skipped.push(queue);
        continue;
      }
      round.push(first);
      bytes += first.bytes.length;
      queue.next++;
      if (queue.next < queue.records.length) taken.push(queue);
    }
    waiting = [...skipped, ...taken];
    yield round;
  }
}
