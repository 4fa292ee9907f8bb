import type { GovernedRecord } from '../schemas/governed-record.ts';

/** The greatest offset of each stream of a batch. */
export type Offsets = ReadonlyMap<string, bigint>;

/** The name that a sink keeps the offset of a lane under. */
export const streamOf = (table: string, lane: number): string => `${table}/${lane}`;

/** An offset as a sink keeps it; -1, which is before all, for what comes again: it says nothing of how far its lane has come. */
export const countedOffset = ({
  offset,
  isRetried,
}: Pick<GovernedRecord, 'offset' | 'isRetried'>): bigint => (isRetried ? -1n : offset);

/** The lane that a history has a record in: what comes again is numbered in another topic, so it has lanes of its own. */
export const historyLane = ({
  lane,
  isRetried,
}: Pick<GovernedRecord, 'lane' | 'isRetried'>): number => (isRetried ? lane + 2 ** 31 : lane);

export function offsetsOf(batch: readonly GovernedRecord[]): Offsets {
  const offsets = new Map<string, bigint>();
  for (const record of batch) {
    const stream = streamOf(record.table, record.lane);
    const offset = countedOffset(record);
    const known = offsets.get(stream) ?? -1n;
    if (known < offset) offsets.set(stream, offset);
  }
  return offsets;
}
