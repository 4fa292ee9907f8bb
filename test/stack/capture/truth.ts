import { type ConnectionPool, sql } from '@databases/pg';
import type { TableContract } from '../../../contracts/contract.ts';
import { asCaptured } from '../type-stream.ts';
import { lettersOf } from '../way/letters.ts';
import { readAll } from '../way/records.ts';
import type { Way } from '../way/way.ts';
import { lastWins, newestWins, type Rows, sifted } from './folds.ts';
import { plainly, type Seen, seenIn } from './seen.ts';
import { canonical, identifier, kept } from './texts.ts';

/** A change that became a letter: where it stood, and of which table. */
export interface Letter {
  readonly table: string;
  readonly timeline: number;
  readonly lsn: bigint;
  readonly seq: number;
  readonly part: number;
}

/** What a capture has made, and what is wrong with it. */
export interface Truth {
  readonly faults: readonly string[];
  readonly all: readonly Seen[];
  readonly once: readonly Seen[];
  readonly letters: readonly Letter[];
}

export interface Asked {
  readonly tables?: readonly string[]; // All that have a contract.
  readonly slot?: string;
  readonly db?: ConnectionPool; // Of the source; the way's own if it is not another.
  /** Tables whose rows are not compared: what of them was refused is missing. */
  readonly uncompared?: readonly string[];
}

/**
 * Holds what Kafka has against the tables as they are now. Reads with a client that is not ours, by the
 * registry's schemas. The source must be quiet and capture have come to its end.
 */
export async function truthOf(way: Way, asked: Asked = {}): Promise<Truth> {
  const { tables = [...way.contracts.keys()], slot = way.name, db = way.source } = asked;
  const all = await seenIn(way, tables, db);
  const { faults, once } = sifted(all);
  const found = [...faults];
  for (const table of tables) {
    if (asked.uncompared?.includes(table) || way.contracts.get(table)?.outbox) continue;
    const own = all.filter((each) => each.table === table);
    const wanted = await rowsOf(db, way.contracts.get(table));
    found.push(...differences(`${table} by offset`, lastWins(own), wanted));
    const ownOnce = once.filter((each) => each.table === table);
    found.push(...differences(`${table} by position`, newestWins(ownOnce), wanted));
  }
  const letters = await lettersAt(way, slot);
  found.push(...(await transactionFaults(way, slot, once, letters)));
  return { faults: found.slice(0, 20), all, once, letters };
}

/** The rows of a table as the server prints them. */
async function rowsOf(db: ConnectionPool, contract: TableContract | undefined): Promise<Rows> {
  const { table, key, columns } = contract ?? { table: '', key: [], columns: [] };
  const selected = columns.map(
    ({ name }) =>
      sql`CASE WHEN NOT ${identifier(name)} IS NULL OR ${identifier(name)} IS DISTINCT FROM NULL THEN format('%s', ${identifier(name)}) END AS ${identifier(name)}`,
  );
  const keyColumns = key.map((name) =>
    isJson(columns.find((column) => column.name === name)?.type ?? '')
      ? sql`${name}::text, ${identifier(name)}`
      : sql`${name}::text, format('%s', ${identifier(name)})`,
  );
  const rows = (await asCaptured(db, (tx) =>
    tx.query(sql`
      SELECT json_build_object(${sql.join(keyColumns, ', ')})::text AS "the key", ${sql.join(selected, ', ')}
      FROM ${sql.ident(...(table.split('.') as [string, string]))}`),
  )) as readonly Readonly<Record<string, string | null>>[];
  return new Map(
    rows.map(({ 'the key': own, ...row }) => [
      compact(own ?? ''),
      Object.fromEntries(
        columns.map(({ name, type }) => {
          const text = row[name] ?? null;
          return [name, text === null ? null : canonical(type, text)];
        }),
      ),
    ]),
  );
}

/** Whether a key of the type is more in JSON than its text. */
const isJson = (type: string) =>
  /^(smallint|integer|bigint|boolean|real|double precision)$/.test(type);

/** `json_build_object` prints spaces that keys in Kafka do not have; digits stay as they are. */
const compact = (json: string) => json.replaceAll(/("(?:[^"\\]|\\.)*")|\s+/g, '$1');

function differences(where: string, came: Rows, wanted: Rows): readonly string[] {
  const faults: string[] = [];
  for (const [key, row] of wanted) {
    const other = came.get(key);
    if (!other) faults.push(`${where}: ${key} is missing`);
    else
      for (const [column, text] of Object.entries(row))
        if (other[column] !== text)
          faults.push(`${where}: ${key} has ${column} ${shown(other[column])}, not ${shown(text)}`);
  }
  for (const key of came.keys()) if (!wanted.has(key)) faults.push(`${where}: ${key} is too many`);
  return faults;
}

export const shown = (text: unknown): string =>
  text === kept ? 'unchanged' : (JSON.stringify(text)?.slice(0, 60) ?? 'nothing');

/** The letters of a slot, each once. */
async function lettersAt(way: Way, slot: string): Promise<readonly Letter[]> {
  const found = await lettersOf(way, 'capture', `${slot}@`);
  const letters = new Map<string, Letter>();
  for (const { letter } of found) {
    const origin = String(letter['origin']);
    const [timeline = 0, lsn = 0, seq = 0, part = 0] = origin
      .slice(slot.length + 1)
      .split('/')
      .map((each) => Number.parseInt(each, 16));
    const table = String(letter['table']);
    letters.set(origin, { table, timeline, lsn: BigInt(lsn), seq, part });
  }
  return [...letters.values()];
}

/** Whether each transaction says how many changes it has in each topic, and has them. */
async function transactionFaults(
  way: Way,
  slot: string,
  once: readonly Seen[],
  letters: readonly Letter[],
): Promise<readonly string[]> {
  const faults: string[] = [];
  const counts = new Map<string, Set<number>>();
  const count = (lsn: bigint, what: string, seq: number) => {
    const name = `${lsn} ${what}`;
    counts.set(name, (counts.get(name) ?? new Set()).add(seq));
  };
  for (const { log, transaction, lsn, table, seq } of once)
    if (log === slot && transaction !== 0n) count(lsn, `changes ${table}`, seq);
  for (const { lsn, table, seq } of letters) count(lsn, `letters ${table}`, seq);
  const told = new Map<string, number>();
  const records = new Map<string, Buffer>();
  for (const record of await readAll(way.stack, [`cdc.${way.name}.transactions`])) {
    const { values } = await plainly(way, record);
    if (values['log'] !== slot) continue;
    const name = `${String(values['timeline'])}/${String(values['lsn'])}`;
    const bytes = record.value ?? Buffer.alloc(0);
    if (records.get(name)?.equals(bytes) === false)
      faults.push(`transaction ${name}: two versions`);
    records.set(name, bytes);
    for (const each of values['tables'] as readonly Values[])
      for (const kind of ['changes', 'letters'] as const)
        if (each[kind] > 0) told.set(`${String(values['lsn'])} ${kind} ${each.table}`, each[kind]);
  }
  for (const [name, number] of told)
    if (counts.get(name)?.size !== number)
      faults.push(`transaction ${name}: says ${number}, and there are ${counts.get(name)?.size}`);
  for (const [name, seqs] of counts)
    if (!told.has(name)) faults.push(`transaction ${name}: says nothing of ${seqs.size}`);
  return faults;
}

interface Values {
  readonly table: string;
  readonly changes: number;
  readonly letters: number;
}
