import type { ManagedTransaction } from 'neo4j-driver';
import type { Plan, PlannedRow } from './neo4j-plan.ts';
import { propertyOf } from './neo4j-tables.ts';
import type { GraphTable, NodeTable } from './neo4j-tables.ts';
import { Contention } from './neo4j-transact.ts';

/** Keys of nodes by label. */
export class Keys {
  readonly #byLabel = new Map<string, Set<string>>();

  add(label: string, keys: Iterable<string>): void {
    let known = this.#byLabel.get(label);
    if (!known) this.#byLabel.set(label, (known = new Set()));
    for (const key of keys) known.add(key);
  }

  addAll(others: Keys): void {
    for (const [label, keys] of others.#byLabel) this.add(label, keys);
  }

  /** In the one order in which all writers go through them. */
  *sorted(): Generator<{ readonly label: string; readonly keys: readonly string[] }> {
    for (const [label, keys] of [...this.#byLabel].sort(([a], [b]) => (a < b ? -1 : 1)))
      if (keys.size > 0) yield { label, keys: [...keys].sort() };
  }
}

/** Each row of `rows` that is to be written over what `found` finds or makes of row `i`, as `n`. */
interface Writing<Row> {
  readonly found: string;
  readonly rows: readonly Row[];
  readonly also?: (rows: readonly Row[]) => Readonly<Record<string, readonly string[]>>;
}

/** Writes rows, column by column where they are whole: Bolt and Cypher are then spared a map per row. */
export async function writeRows<Row extends PlannedRow>(
  tx: ManagedTransaction,
  table: GraphTable,
  { found, rows, also }: Writing<Row>,
): Promise<void> {
  const each = `UNWIND range(0, size($keys) - 1) AS i ${found}`;
  const named = (some: readonly Row[]) => ({
    keys: some.map(({ key }) => key),
    at: some.map(({ at }) => at),
    ...also?.(some),
  });
  const whole = rows.filter(({ isWhole }) => isWhole);
  if (whole.length > 0) {
    const columns = [...table.columns].map((column, n) => [
      `c${n}`,
      whole.map(({ values }) => propertyOf(table, column, values[column] ?? null)),
    ]);
    const set = `SET n += {_position: $at[i]${table.assigned}}`;
    await writeAll(tx, `${each} ${set}`, { ...named(whole), ...Object.fromEntries(columns) });
  }
  const others = rows.filter(({ isWhole }) => !isWhole);
  if (others.length === 0) return;
  await writeAll(tx, `${each} SET n += $properties[i], n._position = $at[i]`, {
    ...named(others),
    properties: others.map(({ values }) => propertiesOf(table, values)),
  });
}

/** Writes the nodes of a plan, but no relationship yet. What others still refer to stays as a stub. */
export async function writeNodes(
  tx: ManagedTransaction,
  { table, cleared, rows }: Plan<NodeTable>,
): Promise<void> {
  if (cleared.length > 0) await clearNodes(tx, table, cleared);
  const node = `(n:${table.label} {_key: $keys[i]})`;
  const isFirst = ({ before }: PlannedRow) => before === 'nothing';
  await writeRows(tx, table, { found: `CREATE ${node}`, rows: rows.filter(isFirst) });
  await writeRows(tx, table, {
    found: `MERGE ${node}`,
    rows: rows.filter((row) => !isFirst(row)),
  });
}

/** Writes the tombstones of a plan. */
export async function bury(tx: ManagedTransaction, { graves }: Plan): Promise<void> {
  if (graves.length === 0) return;
  // The first SET takes the lock, so that the position compared is the last one committed.
  await tx.run(
    `UNWIND $graves AS grave MERGE (t:CdcTombstone {pk: grave.pk}) SET t.pk = grave.pk
     WITH t, grave WHERE coalesce(t.position, '') < grave.at SET t.position = grave.at`,
    { graves },
  );
}

/**
 * Takes nodes that writers of other lanes may want as well, all of them before the first relationship and in one order,
 * so that hardly any waits for another in a circle. What is not there becomes a stub.
 */
export async function takeNodes(tx: ManagedTransaction, wanted: Keys): Promise<void> {
  for (const { label, keys } of wanted.sorted()) {
    const taken = await takeThere(tx, label, keys);
    const missing = keys.filter((key) => !taken.has(key));
    if (missing.length === 0) continue;
    const taking = `UNWIND $keys AS key MERGE (n:${label} {_key: key}) SET n._key = key
      RETURN count(n._key) AS done`;
    // One that was removed while we waited for it is passed over without a word: it is then made.
    while ((await doneBy(tx, taking, { keys: missing })) < missing.length);
  }
}

/**
 * Takes those that are there, by what the server calls them. Whoever looks for a node by its key in a statement that
 * writes holds the key, with others, while he waits for the node; and once that was removed meanwhile he wants the key
 * for himself alone, to make it anew. Two of those would wait for each other.
 */
async function takeThere(
  tx: ManagedTransaction,
  label: string,
  keys: readonly string[],
): Promise<ReadonlySet<string>> {
  const { records } = await tx.run<{ id: string }>(
    `UNWIND $keys AS key MATCH (n:${label} {_key: key}) RETURN elementId(n) AS id`,
    { keys },
  );
  if (records.length === 0) return new Set();
  const ids = records.map((record) => record.get('id'));
  const taken = await tx.run<{ key: string | null }>(
    `UNWIND $ids AS id MATCH (n:${label}) WHERE elementId(n) = id SET n._key = n._key RETURN n._key AS key`,
    { ids },
  );
  return new Set(taken.records.flatMap((record) => record.get('key') ?? []));
}

/** Removes stubs that nothing refers to. The lock comes first, so that what is then read is the last word. */
export async function removeOrphans(tx: ManagedTransaction, orphans: Keys): Promise<void> {
  for (const { label, keys } of orphans.sorted()) {
    await tx.run(`UNWIND $keys AS key MATCH (n:${label} {_key: key}) SET n._held = true`, { keys });
    await tx.run(
      `UNWIND $keys AS key MATCH (n:${label} {_key: key}) REMOVE n._held
       WITH n WHERE n._position IS NULL AND NOT EXISTS { (n)--() } DELETE n`,
      { keys },
    );
  }
}

/** Takes its properties from each of these nodes. */
export async function clearNodes(
  tx: ManagedTransaction,
  { label }: NodeTable,
  keys: readonly string[],
): Promise<void> {
  await tx.run(`UNWIND $keys AS key MATCH (n:${label} {_key: key}) SET n = {_key: key}`, { keys });
}

async function writeAll(
  tx: ManagedTransaction,
  setting: string,
  parameters: { readonly keys: readonly string[]; readonly [other: string]: unknown },
): Promise<void> {
  const done = await doneBy(tx, `${setting} RETURN count(n._position) AS done`, parameters);
  if (done < parameters.keys.length) throw new Contention('a truncate removed what was found');
}

async function doneBy(tx: ManagedTransaction, query: string, parameters: object): Promise<number> {
  const { records } = await tx.run<{ done: bigint }>(query, parameters);
  return Number(records[0]?.get('done') ?? 0n);
}

function propertiesOf(table: GraphTable, values: PlannedRow['values']): Record<string, unknown> {
  const properties: Record<string, unknown> = {};
  for (const [column, value] of Object.entries(values))
    properties[column] = propertyOf(table, column, value);
  return properties;
}
