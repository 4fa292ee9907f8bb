import { registryAt } from '../../../contracts/registry.ts';
import { changesTopic } from '../../../contracts/topics.ts';
import type { Change } from '../../../schemas/change.ts';
import { compare } from '../../../schemas/position.ts';
import { keyText, type Row, unchanged, type Value } from '../../../schemas/value.ts';
import { decodeChange, schemaIdOf } from '../../../schemas/wire.ts';
import { readAll } from '../way/records.ts';
import type { Way } from '../way/way.ts';

/** A record of a `cdc` topic, decoded. */
export interface Read {
  readonly offset: bigint;
  readonly change: Change;
}

/** All changes of a table as they are in its topic, lane by lane. */
export async function changesOf(way: Way, table: string): Promise<readonly Read[]> {
  const records = await readAll(way.stack, [changesTopic(way.name, `${way.name}.${table}`)]);
  const registry = registryAt(way.stack.registry.url);
  await registry.learn(new Set(records.map(({ value }) => schemaIdOf(value!)!)));
  return records.map(({ value, partition, offset }) => ({
    offset: BigInt(offset),
    change: decodeChange(registry.type(schemaIdOf(value!)!)!, value!, {
      table: `${way.name}.${table}`,
      lane: partition,
    }),
  }));
}

/** What somebody has of a table who takes the records of a lane as they come, and looks at nothing else. */
export function byOffset(read: readonly Read[]): ReadonlyMap<string, Row> {
  return folded(read.toSorted((a, b) => (a.offset < b.offset ? -1 : 1)));
}

/** What somebody has of a table who goes by positions. */
export function byPosition(read: readonly Read[]): ReadonlyMap<string, Row> {
  const inOrder = read.toSorted((a, b) => compare(a.change.position, b.change.position));
  const seen = new Set<string>();
  return folded(
    inOrder.filter(({ change: { log, position, lane } }) => {
      const { timeline, lsn, seq, part } = position;
      const id = `${log}/${lane}/${timeline}/${lsn}/${seq}/${part}`;
      return !seen.has(id) && seen.add(id);
    }),
  );
}

function folded(read: readonly Read[]): ReadonlyMap<string, Row> {
  const rows = new Map<string, Row>();
  for (const { change } of read) {
    const { key, op, after, lane } = change;
    if (op === 'truncate') {
      for (const [name] of rows) if (name.startsWith(`${lane}/`)) rows.delete(name);
      continue;
    }
    const name = `${lane}/${keyText(key!)}`;
    if (!after) rows.delete(name);
    else rows.set(name, onto(rows.get(name), after));
  }
  return new Map([...rows].map(([name, row]) => [name.slice(name.indexOf('/') + 1), row]));
}

function onto(before: Row | undefined, after: Row): Row {
  const columns = Object.entries(after).map(([column, value]) => [
    column,
    value === unchanged ? (before?.[column] ?? unchanged) : value,
  ]);
  return Object.fromEntries(columns) as Row;
}

/** The rows as text, in order: to be held against the table's. */
export const asText = (rows: ReadonlyMap<string, Row>, columns: readonly string[]) =>
  [...rows.values()]
    .map((row) => columns.map((column) => textOf(row[column])).join('|'))
    .toSorted();

const textOf = (value: Value | typeof unchanged | undefined): string =>
  typeof value === 'symbol' ? 'unchanged' : value === undefined ? 'absent' : String(value);
