import type { ManagedTransaction } from 'neo4j-driver';
import { Refusal } from '../schemas/refusal.ts';
import type { Value } from '../schemas/value.ts';
import type { Plan, PlannedRow } from './neo4j-plan.ts';
import type { GraphEnd, JoinTable } from './neo4j-tables.ts';
import { Keys, writeRows } from './neo4j-write.ts';

/** What becomes of the relationships that a join table's rows are. */
export interface Joining {
  readonly table: JoinTable;
  readonly cut: readonly string[]; // Keys of those that go, or are made anew.
  readonly made: readonly JoinedRow[];
  readonly kept: readonly PlannedRow[]; // Written onto those that are there, between the same nodes.
  readonly left: Keys; // Nodes between which one goes.
}

interface JoinedRow extends PlannedRow {
  readonly from: string;
  readonly to: string;
}

interface There {
  readonly from: string;
  readonly to: string;
  readonly kept: Readonly<Record<string, Value>> | null; // Its properties, where they are needed.
}

/** Asks which of a plan's relationships are there, and decides. */
export async function joining(
  tx: ManagedTransaction,
  { table, rows, cleared }: Plan<JoinTable>,
  mayVanish: boolean, // A truncate may take from beside us what is there.
): Promise<Joining> {
  const there = await thereOf(tx, table, [
    ...rows.filter(({ before }) => before === 'any'),
    ...cleared.map((key) => ({ key, isWhole: true })),
  ]);
  const cut = new Set(cleared.filter((key) => there.has(key)));
  const made: JoinedRow[] = [];
  const kept: PlannedRow[] = [];
  for (const row of rows) {
    const old = row.before !== 'any' || cut.has(row.key) ? undefined : there.get(row.key);
    const values = row.isWhole ? row.values : { ...old?.kept, ...row.values };
    const from = endOf(table, table.from, values);
    const to = endOf(table, table.to, values);
    if (old && !mayVanish && old.from === from && old.to === to) kept.push(row);
    else {
      if (old) cut.add(row.key);
      made.push({ ...row, values, from, to });
    }
  }
  const left = new Keys();
  for (const key of cut) {
    const gone = there.get(key);
    if (!gone) continue;
    left.add(table.from.target, [gone.from]);
    left.add(table.to.target, [gone.to]);
  }
  return { table, cut: [...cut], made, kept, left };
}

/** Cuts and makes them. Every node that they join is there, and taken. */
export async function join(
  tx: ManagedTransaction,
  { table, cut, made, kept }: Joining,
): Promise<void> {
  const { type, from, to } = table;
  if (cut.length > 0)
    await tx.run(`UNWIND $cut AS key MATCH ()-[r:${type} {_key: key}]->() DELETE r`, { cut });
  await writeRows(tx, table, {
    found: `MATCH (a:${from.target} {_key: $from[i]}) MATCH (b:${to.target} {_key: $to[i]})
      CREATE (a)-[n:${type} {_key: $keys[i]}]->(b)`,
    rows: made,
    also: (some) => ({ from: some.map((row) => row.from), to: some.map((row) => row.to) }),
  });
  await writeRows(tx, table, {
    found: `MATCH ()-[n:${type} {_key: $keys[i]}]->()`,
    rows: kept,
  });
}

/** Deletes these relationships, and says between which nodes they were. */
export async function cutJoins(
  tx: ManagedTransaction,
  { type, from, to }: JoinTable,
  keys: readonly string[],
): Promise<Keys> {
  const { records } = await tx.run<{ from: string; to: string }>(
    `UNWIND $keys AS key MATCH (a)-[r:${type} {_key: key}]->(b)
     WITH r, a._key AS from, b._key AS to DELETE r RETURN from, to`,
    { keys },
  );
  const left = new Keys();
  left.add(
    from.target,
    records.map((record) => record.get('from')),
  );
  left.add(
    to.target,
    records.map((record) => record.get('to')),
  );
  return left;
}

async function thereOf(
  tx: ManagedTransaction,
  { type }: JoinTable,
  rows: readonly Pick<PlannedRow, 'key' | 'isWhole'>[],
): Promise<ReadonlyMap<string, There>> {
  if (rows.length === 0) return new Map();
  const { records } = await tx.run<There & { key: string }>(
    `UNWIND range(0, size($keys) - 1) AS i MATCH (a)-[r:${type} {_key: $keys[i]}]->(b)
     RETURN $keys[i] AS key, a._key AS from, b._key AS to, CASE WHEN $whole[i] THEN null ELSE properties(r) END AS kept`,
    { keys: rows.map(({ key }) => key), whole: rows.map(({ isWhole }) => isWhole) },
  );
  return new Map(records.map((record) => [record.get('key'), record.toObject()]));
}

function endOf(
  { source }: JoinTable,
  { column, keyOf }: GraphEnd,
  values: Readonly<Record<string, Value>>,
): string {
  const value = values[column];
  if (value === undefined || value === null)
    throw new Refusal(
      'rejected-by-sink',
      `table ${source}: column ${column} is empty, and a relationship needs both of its ends; make it NOT NULL at the source`,
    );
  return keyOf(value);
}
