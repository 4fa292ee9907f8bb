import type { ManagedTransaction } from 'neo4j-driver';
import { settle } from './compact.ts';
import type { Removal, Seen, Settled, TableChanges, Upsert } from './compact.ts';
import type { LaneOffset } from './lane-offsets.ts';
import { lsnText } from '../schemas/lsn.ts';
import { positionText } from '../schemas/position.ts';
import { Refusal } from '../schemas/refusal.ts';
import { propertiesOf } from './neo4j-tables.ts';
import type { GraphTable } from './neo4j-tables.ts';

/** What a batch means for the nodes of one table, once the graph has been asked what it knows. */
export interface Plan {
  readonly table: GraphTable;
  readonly cleared: readonly string[]; // Keys whose row ends here, whatever follows.
  readonly removed: readonly string[]; // Those of them that nothing follows.
  readonly rows: readonly PlannedRow[];
  readonly graves: readonly { readonly pk: string; readonly at: string }[];
}

interface PlannedRow extends Settled {
  readonly key: string;
  readonly at: string;
}

/** Keys by label of nodes that may be stubs which nothing refers to any more. */
export type Orphans = Map<string, Set<string>>;

/**
 * Takes the lanes of a batch, in one order for all writers. Changes of a key share a lane, so what is
 * read after this stays true until the commit.
 */
export async function holdLanes(
  tx: ManagedTransaction,
  all: readonly TableChanges[],
): Promise<void> {
  const streams = lanesOf(all).map(({ stream }) => stream);
  await tx.run(
    `UNWIND $streams AS stream MERGE (o:CdcOffset {stream: stream}) SET o._held = true`,
    { streams },
  );
}

/** Sets the lanes' offsets, and lets go of them. */
export async function saveOffsets(
  tx: ManagedTransaction,
  all: readonly TableChanges[],
  offsets: readonly LaneOffset[],
): Promise<void> {
  await tx.run(
    `UNWIND $offsets AS lane MATCH (o:CdcOffset {stream: lane.stream})
     WHERE coalesce(o.recordOffset, -1) < lane.offset SET o.recordOffset = lane.offset`,
    { offsets },
  );
  await tx.run(
    `UNWIND $lanes AS lane MATCH (o:CdcOffset {stream: lane.stream}) REMOVE o._held
     WITH o, lane WHERE coalesce(o.position, '') < lane.position
     SET o.lsn = lane.lsn, o.position = lane.position`,
    { lanes: lanesOf(all) },
  );
}

/** Asks what the graph knows of the keys of a batch, and decides. */
export async function plan(
  tx: ManagedTransaction,
  table: GraphTable,
  { upserts, removals, truncated }: TableChanges,
): Promise<Plan> {
  if (!table.hasKey) refuseKeyless(table, upserts, removals);
  const keys = [...upserts, ...removals].map(({ keyText }) => keyText);
  const seen = await seenOf(tx, table, keys);
  const of = (key: string): Seen => seen.get(key) ?? { row: null, gone: null };

  const outdated = removals.filter(({ keyText, at }) => isOlder(of(keyText).row, at));
  const replaced = upserts.filter(({ keyText, floor }) => isOlder(of(keyText).row, floor));
  const rows = upserts.flatMap((upsert) => {
    const settled = settle(upsert, of(upsert.keyText));
    return settled ? [{ ...settled, key: upsert.keyText, at: upsert.at }] : [];
  });
  const stranger = rows
    .flatMap(({ values }) => Object.keys(values))
    .find((column) => !table.columns.has(column));
  if (stranger !== undefined) {
    throw new Error(
      `table ${table.source}: column ${stranger} is not in the contract that this graph was opened with; restart with the newer contract`,
    );
  }
  return {
    table,
    cleared: [...outdated, ...replaced].map(({ keyText }) => keyText),
    removed: outdated.map(({ keyText }) => keyText),
    rows,
    graves: [
      ...removals.map(({ keyText, at }) => ({ pk: table.source + keyText, at })),
      ...(truncated ? [{ pk: table.source, at: truncated.at }] : []),
    ],
  };
}

/** Ends rows: their properties and relationships go; what others still refer to stays as a stub. */
async function clear(
  tx: ManagedTransaction,
  { label, relationships }: GraphTable,
  keys: readonly string[],
  orphans: Orphans,
): Promise<void> {
  if (keys.length === 0) return;
  for (const { type, target } of relationships) {
    const cut = await tx.run(
      `UNWIND $keys AS key MATCH (:${label} {_key: key})-[r:${type}]->(t:${target})
       DELETE r RETURN DISTINCT t._key AS key`,
      { keys },
    );
    note(
      orphans,
      target,
      cut.records.map((record) => record.get('key')),
    );
  }
  await tx.run(`UNWIND $keys AS key MATCH (n:${label} {_key: key}) SET n = {_key: key}`, { keys });
}

/** Writes the nodes of a plan and its tombstones, but no relationship yet. */
export async function writeNodes(
  tx: ManagedTransaction,
  { table, cleared, removed, rows, graves }: Plan,
  orphans: Orphans,
): Promise<void> {
  await clear(tx, table, cleared, orphans);
  note(orphans, table.label, removed);
  if (rows.length > 0) {
    await tx.run(
      `UNWIND $rows AS row MERGE (n:${table.label} {_key: row.key}) SET n += row.properties`,
      {
        rows: rows.map(({ key, at, values }) => ({
          key,
          properties: { ...propertiesOf(table, values), _position: at },
        })),
      },
    );
  }
  if (graves.length > 0) {
    // The first SET takes the lock, so that the position compared is the last one committed.
    await tx.run(
      `UNWIND $graves AS grave MERGE (t:CdcTombstone {pk: grave.pk}) SET t.pk = grave.pk
       WITH t, grave WHERE coalesce(t.position, '') < grave.at SET t.position = grave.at`,
      { graves },
    );
  }
}

/** Writes the relationships of a plan's rows; a node that has not come yet is there as a stub. */
export async function writeRelationships(
  tx: ManagedTransaction,
  { table, rows }: Plan,
  orphans: Orphans,
): Promise<void> {
  for (const { type, column, target, keyOf } of table.relationships) {
    const ends = rows.flatMap(({ key, values, onto }) => {
      const value = values[column];
      if (value === undefined) return [];
      return [{ key, onto, target: value === null ? null : keyOf(value) }];
    });
    const perhapsMoved = ends.filter(({ onto }) => onto === 'row');
    if (perhapsMoved.length > 0) {
      const cut = await tx.run(
        `UNWIND $ends AS end MATCH (:${table.label} {_key: end.key})-[r:${type}]->(t:${target})
         WHERE end.target IS NULL OR t._key <> end.target
         DELETE r RETURN DISTINCT t._key AS key`,
        { ends: perhapsMoved },
      );
      note(
        orphans,
        target,
        cut.records.map((record) => record.get('key')),
      );
    }
    // By target, so that writers of different lanes lock the nodes they share in one order.
    const made = ends
      .filter((end) => end.target !== null)
      .sort((a, b) => ((a.target ?? '') < (b.target ?? '') ? -1 : 1));
    if (made.length === 0) continue;
    await tx.run(
      `UNWIND $ends AS end MATCH (n:${table.label} {_key: end.key})
       MERGE (t:${target} {_key: end.target}) MERGE (n)-[:${type}]->(t)`,
      { ends: made },
    );
  }
}

/** Removes stubs that nothing refers to. The lock comes first, so that what is then read is the last word. */
export async function removeOrphans(tx: ManagedTransaction, orphans: Orphans): Promise<void> {
  for (const [label, keys] of orphans) {
    const parameters = { keys: [...keys].sort() };
    await tx.run(
      `UNWIND $keys AS key MATCH (n:${label} {_key: key}) SET n._held = true`,
      parameters,
    );
    await tx.run(
      `UNWIND $keys AS key MATCH (n:${label} {_key: key}) REMOVE n._held
       WITH n WHERE n._position IS NULL AND NOT EXISTS { (n)--() } DELETE n`,
      parameters,
    );
  }
}

/** Ends up to `limit` rows of a table that are older than `at`, and says how many. */
export async function clearOlder(
  tx: ManagedTransaction,
  table: GraphTable,
  { at, limit }: { readonly at: string; readonly limit: number },
): Promise<number> {
  const orphans: Orphans = new Map();
  const older = await tx.run(
    `MATCH (n:${table.label}) WHERE n._position < $at WITH n LIMIT ${limit}
     SET n._held = true RETURN n._key AS key`,
    { at },
  );
  const held: readonly string[] = older.records.map((record) => record.get('key'));
  // Held now: one that has become newer meanwhile is let go.
  const still = await tx.run(
    `UNWIND $held AS key MATCH (n:${table.label} {_key: key}) REMOVE n._held
     WITH n WHERE n._position < $at RETURN n._key AS key`,
    { held, at },
  );
  const keys: readonly string[] = still.records.map((record) => record.get('key'));
  await clear(tx, table, keys, orphans);
  note(orphans, table.label, keys);
  await removeOrphans(tx, orphans);
  return held.length;
}

function lanesOf(all: readonly TableChanges[]) {
  return all
    .flatMap(({ newest }) => newest)
    .map(({ table, lane, position }) => ({
      stream: `${table}/${lane}`,
      lsn: lsnText(position.lsn),
      position: positionText(position),
    }))
    .sort((a, b) => (a.stream < b.stream ? -1 : 1));
}

async function seenOf(
  tx: ManagedTransaction,
  { source, label }: GraphTable,
  keys: readonly string[],
): Promise<ReadonlyMap<string, Seen>> {
  if (keys.length === 0) return new Map();
  const { records } = await tx.run(
    `OPTIONAL MATCH (floor:CdcTombstone {pk: $source})
     UNWIND $keys AS key
     OPTIONAL MATCH (n:${label} {_key: key})
     OPTIONAL MATCH (t:CdcTombstone {pk: $source + key})
     WITH key, n, floor, t WHERE n IS NOT NULL OR floor IS NOT NULL OR t IS NOT NULL
     RETURN key, n._position AS row, floor.position AS floor, t.position AS grave`,
    { source, keys },
  );
  return new Map(
    records.map((record) => {
      const floor: string = record.get('floor') ?? '';
      const grave: string = record.get('grave') ?? '';
      return [record.get('key'), { row: record.get('row'), gone: floor > grave ? floor : grave }];
    }),
  );
}

function refuseKeyless(
  { source }: GraphTable,
  upserts: readonly Upsert[],
  removals: readonly Removal[],
): void {
  const other = [...upserts, ...removals].find(({ change }) => change.op !== 'insert');
  if (!other) return;
  throw new Refusal(
    'no-key',
    `table ${source}: without a primary key a graph can only append, and this is a ${other.change.op}; give the table a primary key`,
  );
}

const isOlder = (row: string | null, at: string | null): boolean =>
  row !== null && at !== null && row < at;

function note(orphans: Orphans, label: string, keys: readonly string[]): void {
  if (keys.length === 0) return;
  const noted = orphans.get(label) ?? new Set();
  for (const key of keys) noted.add(key);
  orphans.set(label, noted);
}
