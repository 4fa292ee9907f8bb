import type { GovernedRecord } from '../schemas/governed-record.ts';

/** The greatest offset of each stream of a batch. */
export type Offsets = ReadonlyMap<string, bigint>;

/** The name that a sink keeps the offset of a lane under. */
export const streamOf = (table: string, lane: number): string => `${table}/${lane}`;

/** Of what comes again, a dead letter, this is the offset that it was refused at: it takes no lane on. */
export function offsetsOf(batch: readonly GovernedRecord[]): Offsets {
  const offsets = new Map<string, bigint>();
  for (const { table, lane, offset } of batch) {
    const stream = streamOf(table, lane);
    const known = offsets.get(stream);
    if (known === undefined || known < offset) offsets.set(stream, offset);
  }
  return offsets;
}
