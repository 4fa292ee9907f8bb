import neo4j, { type ManagedTransaction } from 'neo4j-driver';
import type { Governed } from '../schemas/change.ts';
import { lsnText } from '../schemas/lsn.ts';
import { positionText } from '../schemas/position.ts';
import type { TableChanges } from './compact.ts';
import { type Offsets, streamOf as streamNamed } from './lane-offsets.ts';

/** What the graph has come to in the lanes of a batch, and below which position nothing of a table is left. */
export interface Lanes {
  /** The greatest position that the lane of a change has ever had, and that its table was truncated at; `''` for none. */
  readonly reached: (change: Governed) => string;
  readonly floor: (table: string) => string | null;
}

/**
 * Takes the lanes of a batch, in one order for all writers, and moves them on. Changes of a key share a lane, so what
 * is read after this stays true until the commit.
 */
export async function takeLanes(
  tx: ManagedTransaction,
  all: readonly TableChanges[],
  offsets: Offsets,
): Promise<Lanes> {
  const lanes = all
    .flatMap(({ newest }) => newest)
    .map((change) => ({
      stream: streamOf(change),
      table: change.table,
      lsn: lsnText(change.position.lsn),
      position: positionText(change.position),
      offset: neo4j.int(offsets.get(streamOf(change)) ?? -1n),
    }))
    .sort((a, b) => (a.stream < b.stream ? -1 : 1));
  // The first SET takes the lock, so that the position read after it is the last one committed.
  const { records } = await tx.run<{ stream: string; reached: string }>(
    `UNWIND $lanes AS lane MERGE (o:CdcOffset {stream: lane.stream}) SET o.stream = lane.stream
     WITH o, lane, coalesce(o.position, '') AS reached
     SET o += CASE WHEN reached < lane.position THEN {lsn: lane.lsn, position: lane.position} ELSE {} END,
         o += CASE WHEN coalesce(o.recordOffset, -1) < lane.offset THEN {recordOffset: lane.offset} ELSE {} END
     RETURN lane.stream AS stream, reached`,
    { lanes },
  );
  const reached = new Map(records.map((record) => [record.get('stream'), record.get('reached')]));
  const floors = await floorsOf(tx, [...new Set(lanes.map(({ table }) => table))]);
  return {
    reached: (change) => reached.get(streamOf(change)) ?? '',
    floor: (table) => floors.get(table) ?? null,
  };
}

/**
 * A statement of its own, which only reads: one that writes as well locks what it looks for by a unique key, and what
 * it does not find so that no other transaction may look for it until the commit. All batches of a table would wait.
 */
async function floorsOf(
  tx: ManagedTransaction,
  tables: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const { records } = await tx.run<{ table: string; floor: string }>(
    'UNWIND $tables AS table MATCH (t:CdcTombstone {pk: table}) RETURN table, t.position AS floor',
    { tables },
  );
  return new Map(records.map((record) => [record.get('table'), record.get('floor')]));
}

const streamOf = ({ table, lane }: Pick<Governed, 'table' | 'lane'>): string =>
  streamNamed(table, lane);
