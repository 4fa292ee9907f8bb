import type { ManagedTransaction } from 'neo4j-driver';
import { Refusal } from '../schemas/refusal.ts';
import type { Value } from '../schemas/value.ts';
import { settle, wholeRow } from './compact.ts';
import type { Removal, Seen, TableChanges, Upsert } from './compact.ts';
import type { Lanes } from './neo4j-lanes.ts';
import type { GraphTable } from './neo4j-tables.ts';

interface Planning {
  readonly changes: TableChanges;
  readonly lanes: Lanes;
  readonly mayCreate: boolean;
}

/** What a batch means for the rows of one table, once it is known what the graph has of them. */
export interface Plan<Table extends GraphTable = GraphTable> {
  readonly table: Table;
  readonly cleared: readonly string[]; // Keys whose row ends here, whatever follows.
  readonly removed: readonly string[]; // Those of them that nothing follows.
  readonly rows: readonly PlannedRow[];
  readonly graves: readonly { readonly pk: string; readonly at: string }[];
}

export interface PlannedRow {
  readonly key: string;
  readonly at: string;
  readonly values: Readonly<Record<string, Value>>;
  readonly isWhole: boolean; // It has every column of its table.
  readonly before: Before;
}

/** What its key may have in the graph before: nothing at all; nothing of an earlier row; or anything. */
type Before = 'nothing' | 'no row' | 'any';

/**
 * Decides what a batch means. What is newer than all that its lane ever had is newer than what the graph has of its
 * key: a whole row of that kind, or a removal, needs no question asked. In a stream that runs as usual there is no other.
 * `mayCreate` tells whether an insert is believed that nothing has its key, which a copy or a letter may belie.
 */
export async function plan<Table extends GraphTable>(
  tx: ManagedTransaction,
  table: Table,
  { changes, lanes, mayCreate }: Planning,
): Promise<Plan<Table>> {
  const { upserts, removals, truncated } = changes;
  if (table.kind === 'nodes' && !table.hasKey) refuseKeyless(table.source, upserts, removals);
  const floor = lanes.floor(table.source);
  const isFresh = ({ at, change }: Upsert | Removal) =>
    at > lanes.reached(change) && (floor === null || at > floor);

  const rows: PlannedRow[] = [];
  const asked: Upsert[] = [];
  for (const upsert of upserts) {
    const row = isFresh(upsert) ? freshRow(table, upsert, mayCreate) : null;
    if (row) rows.push(row);
    else asked.push(upsert);
  }
  const doubted = removals.filter((removal) => !isFresh(removal));
  const seen = await seenOf(tx, table, [...asked, ...doubted], floor);
  const of = (key: string): Seen => seen.get(key) ?? { row: null, gone: floor };

  const replaced: string[] = []; // Rows that had ended, and are still there: a truncate takes away no more than it can at once.
  for (const upsert of asked) {
    const { keyText: key, at } = upsert;
    const settled = settle(upsert, of(key));
    if (!settled) continue;
    const { values, onto } = settled;
    refuseStranger(table, values);
    rows.push({ key, at, values, isWhole: false, before: onto === 'nothing' ? 'no row' : 'any' });
    if (onto === 'nothing' && of(key).row !== null) replaced.push(key);
  }
  const outdated = removals.filter(
    (removal) => isFresh(removal) || isOlder(of(removal.keyText).row, removal.at),
  );
  const removed = outdated.map(({ keyText }) => keyText);
  return {
    table,
    cleared: [...removed, ...replaced],
    removed,
    rows,
    graves: [
      ...removals.map(({ keyText, at }) => ({ pk: table.source + keyText, at })),
      ...(truncated ? [{ pk: table.source, at: truncated.at }] : []),
    ],
  };
}

/** The row of an upsert that says every column of its table; null for any other. */
function freshRow(table: GraphTable, upsert: Upsert, mayCreate: boolean): PlannedRow | null {
  const { keyText: key, at, change, floor } = upsert;
  const row = wholeRow(upsert);
  if (!row) return null;
  const values = { ...row, ...change.key } as Readonly<Record<string, Value>>;
  for (const column of table.columns) if (values[column] === undefined) return null;
  refuseStranger(table, values);
  const isFirst = mayCreate && change.op === 'insert' && floor === null;
  return { key, at, values, isWhole: true, before: isFirst ? 'nothing' : 'any' };
}

function refuseStranger({ source, columns }: GraphTable, values: object): void {
  for (const column in values)
    if (!columns.has(column))
      throw new Error(
        `table ${source}: column ${column} is not in the contract that this graph was opened with; restart with the newer contract`,
      );
}

async function seenOf(
  tx: ManagedTransaction,
  table: GraphTable,
  changes: readonly (Upsert | Removal)[],
  floor: string | null,
): Promise<ReadonlyMap<string, Seen>> {
  if (changes.length === 0) return new Map();
  const kept =
    table.kind === 'nodes'
      ? `OPTIONAL MATCH (n:${table.label} {_key: key})`
      : `OPTIONAL MATCH ()-[n:${table.type} {_key: key}]->()`;
  const { records } = await tx.run<{ key: string; row: string | null; grave: string | null }>(
    `UNWIND $keys AS key ${kept} OPTIONAL MATCH (t:CdcTombstone {pk: $source + key})
     WITH key, n, t WHERE n IS NOT NULL OR t IS NOT NULL
     RETURN key, n._position AS row, t.position AS grave`,
    { source: table.source, keys: changes.map(({ keyText }) => keyText) },
  );
  return new Map(
    records.map((record) => {
      const grave = record.get('grave');
      const gone = (grave ?? '') > (floor ?? '') ? grave : floor;
      return [record.get('key'), { row: record.get('row'), gone }];
    }),
  );
}

function refuseKeyless(
  source: string,
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
