import type { ManagedTransaction } from 'neo4j-driver';
import type { Plan } from './neo4j-plan.ts';
import type { GraphRelationship, NodeTable } from './neo4j-tables.ts';
import { Keys } from './neo4j-write.ts';

/** What becomes of the relationships of one foreign key. Which there are is known before any node is taken. */
export interface Leading {
  readonly table: NodeTable;
  readonly relationship: GraphRelationship;
  readonly cut: readonly string[]; // Keys of rows that lead elsewhere, or nowhere, from now on.
  readonly made: readonly { readonly key: string; readonly target: string }[];
  readonly left: readonly string[]; // Keys of nodes that were led to.
}

/** Asks where the rows of a plan lead to, and decides. Of rows that only this lane changes nothing else moves meanwhile. */
export async function leadings(
  tx: ManagedTransaction,
  { table, rows, cleared }: Plan<NodeTable>,
): Promise<readonly Leading[]> {
  const all: Leading[] = [];
  for (const relationship of table.relationships) {
    const { column, keyOf } = relationship;
    const wanted = rows.flatMap((row) => {
      const value = row.values[column];
      return value === undefined ? [] : [{ ...row, target: value === null ? null : keyOf(value) }];
    });
    const ended = new Set(cleared);
    const known = wanted.filter(({ key, before }) => before === 'any' && !ended.has(key));
    const there = await leadingTo(tx, table, relationship, [
      ...cleared,
      ...known.map(({ key }) => key),
    ]);
    const elsewhere = (key: string, to: string | null) =>
      (there.get(key) ?? []).some((target) => target !== to); // By somebody's hand it may lead to several.
    const moved = known.filter(({ key, target }) => elsewhere(key, target));
    const cut = [...cleared.filter((key) => there.has(key)), ...moved.map(({ key }) => key)];
    const left = new Set(cut.flatMap((key) => there.get(key) ?? []));
    const made = wanted.flatMap(({ key, target }) => (target === null ? [] : [{ key, target }]));
    all.push({ table, relationship, cut, made, left: [...left] });
  }
  return all;
}

/** Cuts and makes them. Every node that they lead to is there, and taken. */
export async function lead(
  tx: ManagedTransaction,
  { table, relationship, cut, made }: Leading,
): Promise<void> {
  if (cut.length > 0)
    await tx.run(
      `UNWIND $cut AS key MATCH (:${table.label} {_key: key})-[r:${relationship.type}]->() DELETE r`,
      { cut },
    );
  if (made.length === 0) return;
  await tx.run(making(table, relationship), {
    keys: made.map(({ key }) => key),
    targets: made.map(({ target }) => target),
  });
}

/**
 * Cypher that makes relationships. It asks from the side of the row, which leads to one node at most: the other one may
 * be led to by any number, through which MERGE might go.
 */
export const making = (
  { label }: Pick<NodeTable, 'label'>,
  { type, target }: Pick<GraphRelationship, 'type' | 'target'>,
): string =>
  `UNWIND range(0, size($keys) - 1) AS i MATCH (n:${label} {_key: $keys[i]})
   WHERE NOT EXISTS { (n)-[:${type}]->() }
   MATCH (t:${target} {_key: $targets[i]}) CREATE (n)-[:${type}]->(t)`;

/** Cuts all relationships of these rows, and says whom they led to. */
export async function cutAll(
  tx: ManagedTransaction,
  { label, relationships }: NodeTable,
  keys: readonly string[],
): Promise<Keys> {
  const left = new Keys();
  for (const { type, target } of relationships) {
    const { records } = await tx.run<{ key: string }>(
      `UNWIND $keys AS key MATCH (:${label} {_key: key})-[r:${type}]->(t:${target})
       DELETE r RETURN DISTINCT t._key AS key`,
      { keys },
    );
    left.add(
      target,
      records.map((record) => record.get('key')),
    );
  }
  return left;
}

async function leadingTo(
  tx: ManagedTransaction,
  { label }: NodeTable,
  { type, target }: GraphRelationship,
  keys: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const there = new Map<string, string[]>();
  if (keys.length === 0) return there;
  const { records } = await tx.run<{ key: string; target: string }>(
    `UNWIND $keys AS key MATCH (:${label} {_key: key})-[:${type}]->(t:${target})
     RETURN key, t._key AS target`,
    { keys },
  );
  for (const record of records) {
    const key = record.get('key');
    const targets = there.get(key) ?? [];
    targets.push(record.get('target'));
    there.set(key, targets);
  }
  return there;
}
