import type { ManagedTransaction } from 'neo4j-driver';
import type { TableChanges } from './compact.ts';
import { cutJoins, join, joining, type Joining } from './neo4j-joins.ts';
import type { Offsets } from './lane-offsets.ts';
import { takeLanes } from './neo4j-lanes.ts';
import { plan, type Plan } from './neo4j-plan.ts';
import { cutAll, lead, type Leading, leadings } from './neo4j-relationships.ts';
import type { GraphTable, NodeTable } from './neo4j-tables.ts';
import { bury, clearNodes, Keys, removeOrphans, takeNodes, writeNodes } from './neo4j-write.ts';

export interface Batch {
  readonly all: readonly TableChanges[];
  readonly offsets: Offsets;
  readonly belied: Set<string>; // Tables whose inserts are not believed that nothing has their key.
}

/** Told which table is being written, for errors. */
type At = (table: string) => void;

/**
 * Writes a batch, and moves its lanes on. First it asks; then come nodes that no other lane leads to, then all nodes
 * that others may want, taken in one order, and relationships last.
 */
export async function writeBatch(
  tx: ManagedTransaction,
  tables: ReadonlyMap<string, GraphTable>,
  { all, offsets, belied }: Batch,
  at: At,
): Promise<void> {
  const lanes = await takeLanes(tx, all, offsets);
  const nodes: Plan<NodeTable>[] = [];
  const led: Leading[] = [];
  const joined: Joining[] = [];
  const graves: Plan[] = [];
  for (const changes of all) {
    const table = tables.get(changes.table);
    if (!table) continue;
    at(table.source);
    const isBelieved = !belied.has(table.source);
    if (table.kind === 'nodes') {
      // An end may have a stub before its row.
      const planned = await plan(tx, table, {
        changes,
        lanes,
        mayCreate: isBelieved && !table.isEnd,
      });
      nodes.push(planned);
      graves.push(planned);
      led.push(...(await leadings(tx, planned)));
    } else {
      const planned = await plan(tx, table, { changes, lanes, mayCreate: isBelieved });
      const mayVanish = lanes.floor(table.source) !== null || changes.truncated !== null;
      graves.push(planned);
      joined.push(await joining(tx, planned, mayVanish));
    }
  }
  await writePlanned(tx, { nodes, led, joined, graves }, at);
}

/** What is to become of nodes, of what leads from them, and of relationships that are rows. */
export interface Planned {
  readonly nodes: readonly Plan<NodeTable>[];
  readonly led: readonly Leading[];
  readonly joined: readonly Joining[];
  readonly graves: readonly Plan[];
}

/** Writes it in the one order in which all writers do. */
export async function writePlanned(
  tx: ManagedTransaction,
  { nodes, led, joined, graves }: Planned,
  at: At,
): Promise<void> {
  await writeAllNodes(
    tx,
    nodes.filter(({ table }) => !table.isEnd),
    at,
  );
  await takeNodes(tx, wantedBy(nodes, led, joined));
  await writeAllNodes(
    tx,
    nodes.filter(({ table }) => table.isEnd),
    at,
  );
  for (const each of led) {
    at(each.table.source);
    await lead(tx, each);
  }
  for (const each of joined) {
    at(each.table.source);
    await join(tx, each);
  }
  for (const each of graves) await bury(tx, each);
  await removeOrphans(tx, orphansOf(nodes, led, joined));
}

/** Ends up to `limit` rows of a table that are older than `at`, and says how many. */
export async function clearOlder(
  tx: ManagedTransaction,
  table: GraphTable,
  { at, limit }: { readonly at: string; readonly limit: number },
): Promise<number> {
  const isNodes = table.kind === 'nodes';
  const any = isNodes ? `(n:${table.label})` : `()-[n:${table.type}]->()`;
  const one = isNodes ? `(n:${table.label} {_key: key})` : `()-[n:${table.type} {_key: key}]->()`;
  const older = await tx.run<{ key: string }>(
    `MATCH ${any} WHERE n._position < $at WITH n LIMIT ${limit} SET n._held = true RETURN n._key AS key`,
    { at },
  );
  const held = older.records.map((record) => record.get('key'));
  // Held now: one that has become newer meanwhile is let go.
  const still = await tx.run<{ key: string }>(
    `UNWIND $held AS key MATCH ${one} REMOVE n._held WITH n WHERE n._position < $at RETURN n._key AS key`,
    { held, at },
  );
  const keys = still.records.map((record) => record.get('key'));
  const orphans = isNodes ? await cutAll(tx, table, keys) : await cutJoins(tx, table, keys);
  if (isNodes) {
    await clearNodes(tx, table, keys);
    orphans.add(table.label, keys);
  }
  await removeOrphans(tx, orphans);
  return held.length;
}

async function writeAllNodes(
  tx: ManagedTransaction,
  plans: readonly Plan<NodeTable>[],
  at: At,
): Promise<void> {
  for (const each of plans) {
    at(each.table.source);
    await writeNodes(tx, each);
  }
}

/** All nodes that writers of other lanes may want, too. */
function wantedBy(
  nodes: readonly Plan<NodeTable>[],
  led: readonly Leading[],
  joined: readonly Joining[],
): Keys {
  const wanted = new Keys();
  for (const { table, rows, cleared } of nodes) {
    if (!table.isEnd) continue;
    wanted.add(
      table.label,
      rows.map(({ key }) => key),
    );
    wanted.add(table.label, cleared);
  }
  for (const { relationship, made, left } of led) {
    wanted.add(
      relationship.target,
      made.map(({ target }) => target),
    );
    wanted.add(relationship.target, left);
  }
  for (const { table, made, left } of joined) {
    wanted.add(
      table.from.target,
      made.map(({ from }) => from),
    );
    wanted.add(
      table.to.target,
      made.map(({ to }) => to),
    );
    wanted.addAll(left);
  }
  return wanted;
}

/** Nodes that may be stubs which nothing refers to any more. */
function orphansOf(
  nodes: readonly Plan<NodeTable>[],
  led: readonly Leading[],
  joined: readonly Joining[],
): Keys {
  const orphans = new Keys();
  for (const { table, removed } of nodes) orphans.add(table.label, removed);
  for (const { relationship, left } of led) orphans.add(relationship.target, left);
  for (const { left } of joined) orphans.addAll(left);
  return orphans;
}
