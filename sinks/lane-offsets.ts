import type { GovernedRecord } from '../schemas/governed-record.ts';

/** Up to which record a batch brings a lane. */
export interface LaneOffset {
  readonly stream: string; // Table and lane.
  readonly offset: bigint;
}

/** The greatest offset of each lane in a batch, in one order for all writers. */
export function laneOffsets(batch: readonly GovernedRecord[]): readonly LaneOffset[] {
  const greatest = new Map<string, bigint>();
  for (const { table, lane, offset } of batch) {
    const stream = `${table}/${lane}`;
    if (offset > (greatest.get(stream) ?? -1n)) greatest.set(stream, offset);
  }
  return [...greatest]
    .map(([stream, offset]) => ({ stream, offset }))
    .sort((a, b) => (a.stream < b.stream ? -1 : 1));
}
