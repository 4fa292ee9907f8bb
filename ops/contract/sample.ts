import { type ConnectionPool, sql } from '@databases/pg';
import { wordsOf as said } from '../../contracts/error-words.ts';
import { sqlName } from '../../contracts/sql-name.ts';
import { type Column, type Relation, tableName } from '../init/catalog.ts';
import type { Looked } from './evidence.ts';
import { type Seen, seenIn } from './patterns.ts';

/** What a bounded sample of tables looks like; the values themselves are forgotten. */
export interface Sampled {
  readonly looked: Looked;
  readonly notes: readonly string[]; // Tables that could not be looked at, and why.
}

/** Of a value no more is read: what it looks like shows by then. */
const mostLetters = 512;
const patienceMs = 30_000;

/** Looks at some rows of each table, in transactions that cannot write. */
export async function sampled(
  db: ConnectionPool,
  relations: readonly Relation[],
  rows: number,
): Promise<Sampled> {
  const seen = new Map<string, ReadonlyMap<string, Seen>>();
  const notes: string[] = [];
  for (const relation of relations) {
    try {
      seen.set(tableName(relation), await seenOf(db, relation, rows));
    } catch (error) {
      notes.push(`${tableName(relation)}: no row of it was looked at: ${said(error)}`);
    }
  }
  const looked: Looked = (relation, { name }) => seen.get(tableName(relation))?.get(name) ?? null;
  return { looked, notes };
}

/** What a value's type does not tell already. */
const isTelling = ({ family }: Column): boolean =>
  family === 'text' || family === 'other' || family === 'number' || family === 'time';

async function seenOf(
  db: ConnectionPool,
  { schema, name, kind, columns }: Relation,
  rows: number,
): Promise<ReadonlyMap<string, Seen>> {
  const asked = columns.filter(isTelling);
  if (asked.length === 0) return new Map();
  const table = sqlName(schema, name);
  const from = kind === 'partitioned' ? table : sql`ONLY ${table}`;
  const texts = asked.map(
    (column, at) =>
      sql`left(${sqlName(column.name)}::text, ${mostLetters}) AS ${sqlName(`c${at}`)}`,
  );
  const found = await db.tx(
    async (tx) => {
      await tx.query(sql`SELECT set_config('statement_timeout', ${`${patienceMs}`}, true)`);
      const [{ share }] = (await tx.query(sql`
        SELECT CASE WHEN ${kind} = 'partitioned' OR reltuples <= 10 * ${rows}::float8 THEN 100
               ELSE 300.0 * ${rows} / reltuples END::float8 AS share
        FROM pg_class WHERE oid = ${`${identText(schema)}.${identText(name)}`}::regclass`)) as [
        { readonly share: number },
      ];
      const some = share < 100 ? sql`TABLESAMPLE SYSTEM (${share})` : sql``;
      return (await tx.query(
        sql`SELECT ${sql.join(texts, ', ')} FROM ${from} ${some} LIMIT ${rows}`,
      )) as readonly Readonly<Record<string, string | null>>[];
    },
    { readOnly: true },
  );
  return new Map(
    asked.map((column, at) => [column.name, seenIn(found.map((row) => row[`c${at}`] ?? null))]),
  );
}

const identText = (name: string) => `"${name.replaceAll('"', '""')}"`;
