import { sqlName } from '../contracts/sql-name.ts';
import { sql } from '@databases/pg';
import type { ConnectionPool, Queryable, SQLQuery } from '@databases/pg';
import { governedColumns } from '../contracts/contract.ts';
import type { TableContract } from '../contracts/contract.ts';
import { type MirrorPlan, planTables, type SourceTypes, splitName } from './postgres-plan.ts';

/** A table of the mirror: what the statements need to know of it. */
export interface MirrorTable {
  readonly name: string; // As at the source, `public.orders`.
  readonly ident: SQLQuery;
  readonly key: readonly string[];
  readonly types: ReadonlyMap<string, string>; // By column, as the mirror's own server names them.
}

/** The mirror's tables as they are now, what was done for that, and what was left as it is. */
interface OpenTables extends MirrorPlan {
  readonly tables: ReadonlyMap<string, MirrorTable>;
}

/** Does what is to be done to the mirror's tables, and reads back the types they really have. */
export async function openTables(
  db: ConnectionPool,
  contracts: readonly TableContract[],
  source: SourceTypes,
  idleMs: number,
): Promise<OpenTables> {
  const open = async (tx: Queryable) => {
    // Workers that start together would otherwise trip over each other's CREATE … IF NOT EXISTS.
    await lockMirror(tx);
    await createBookkeeping(tx);
    const plan = await planTables(tx, contracts, source);
    const stopping = plan.left.find(({ stops }) => stops);
    if (stopping) throw new Error(`table ${stopping.table} of the mirror: ${stopping.what}`);
    for (const { statement } of plan.steps) await tx.query(sql.__dangerous__rawValue(statement));
    const tables = new Map<string, MirrorTable>();
    for (const contract of contracts) {
      const columns = governedColumns(contract).map(({ name }) => name);
      const read = await readTable(tx, contract.table, [...columns, '_position'], contract.key);
      tables.set(contract.table, read);
    }
    return { ...plan, tables };
  };
  return db.tx(open, { idleInTransactionSessionTimeoutMilliseconds: idleMs });
}

/** Keeps out, until the transaction ends, whoever else makes or alters the mirror's tables. */
export async function lockMirror(tx: Queryable): Promise<void> {
  await tx.query(sql`SELECT pg_advisory_xact_lock(hashtextextended('conductor/mirror', 0))::text`);
}

/** The name of a table, as statements have it. */
export const nameOf = (table: string): SQLQuery => sqlName(...splitName(table));

async function createBookkeeping(tx: Queryable): Promise<void> {
  await tx.query([
    sql`SET LOCAL client_min_messages = warning`,
    sql`CREATE TABLE IF NOT EXISTS cdc_offsets (
      stream TEXT PRIMARY KEY, lsn TEXT NOT NULL, updated_at TIMESTAMPTZ DEFAULT now())`,
    sql`CREATE TABLE IF NOT EXISTS cdc_dedupe (pk TEXT PRIMARY KEY, ts TIMESTAMPTZ NOT NULL)`,
  ]);
  const [{ own }] = await tx.query(sql`
    SELECT count(*)::int AS own FROM pg_attribute
    WHERE attrelid IN ('cdc_offsets'::regclass, 'cdc_dedupe'::regclass) AND NOT attisdropped
      AND attname IN ('position', 'record_offset')`);
  // Whoever alters a table waits for those who write, and may be who they wait for.
  if (own === 3) return;
  await tx.query([
    sql`ALTER TABLE cdc_dedupe ADD COLUMN IF NOT EXISTS position TEXT COLLATE "C"`,
    sql`ALTER TABLE cdc_offsets ADD COLUMN IF NOT EXISTS position TEXT COLLATE "C"`,
    sql`ALTER TABLE cdc_offsets ADD COLUMN IF NOT EXISTS record_offset BIGINT`,
  ]);
}

async function readTable(
  tx: Queryable,
  table: string,
  columns: readonly string[],
  key: readonly string[],
): Promise<MirrorTable> {
  const [schema, name] = splitName(table);
  const found: readonly { readonly column: string; readonly type: string }[] = await tx.query(sql`
    SELECT a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ${schema} AND c.relname = ${name} AND a.attnum > 0 AND NOT a.attisdropped`);
  const types = new Map(found.map(({ column, type }) => [column, type]));
  const missing = columns.filter((column) => !types.has(column));
  if (missing.length > 0) {
    throw new Error(
      `table ${table} of the mirror lacks the column ${missing.join(', ')}; add it there, or drop the table so that it is made anew from its contract`,
    );
  }
  return { name: table, ident: sqlName(schema, name), key, types };
}

/** The type of a column in a statement. As the server prints a type, it is safe to be said back to it. */
export const typeOfColumn = ({ types }: Pick<MirrorTable, 'types'>, column: string): SQLQuery =>
  sql.__dangerous__rawValue(types.get(column) ?? 'text');
