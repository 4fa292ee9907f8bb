import { sqlName } from '../contracts/sql-name.ts';
import { sql } from '@databases/pg';
import type { ConnectionPool, Queryable, SQLQuery } from '@databases/pg';
import { governedColumns } from '../contracts/contract.ts';
import type { TableContract } from '../contracts/contract.ts';

/** A table of the mirror: what the statements need to know of it. */
export interface MirrorTable {
  readonly name: string; // As at the source, `public.orders`.
  readonly ident: SQLQuery;
  readonly key: readonly string[];
  readonly types: ReadonlyMap<string, SQLQuery>; // By column, as the mirror's own server names them.
}

/** Creates what is absent of the mirror's tables, and reads back the types they really have. */
export async function openTables(
  db: ConnectionPool,
  contracts: readonly TableContract[],
): Promise<ReadonlyMap<string, MirrorTable>> {
  return db.tx(async (tx) => {
    // Workers that start together would otherwise trip over each other's CREATE … IF NOT EXISTS.
    await tx.query(
      sql`SELECT pg_advisory_xact_lock(hashtextextended('conductor/mirror', 0))::text`,
    );
    await createBookkeeping(tx);
    const tables = new Map<string, MirrorTable>();
    for (const contract of contracts) tables.set(contract.table, await openTable(tx, contract));
    return tables;
  });
}

/** Schema and name of a table. */
function splitName(table: string): readonly [schema: string, name: string] {
  const dot = table.indexOf('.');
  return dot === -1 ? ['public', table] : [table.slice(0, dot), table.slice(dot + 1)];
}

/** The name of a table, as statements have it. */
export const nameOf = (table: string): SQLQuery => sqlName(...splitName(table));

async function createBookkeeping(tx: Queryable): Promise<void> {
  await tx.query([
    sql`SET LOCAL client_min_messages = warning`,
    sql`CREATE TABLE IF NOT EXISTS cdc_offsets (
      stream TEXT PRIMARY KEY, lsn TEXT NOT NULL, updated_at TIMESTAMPTZ DEFAULT now())`,
    sql`CREATE TABLE IF NOT EXISTS cdc_dedupe (pk TEXT PRIMARY KEY, ts TIMESTAMPTZ NOT NULL)`,
    sql`ALTER TABLE cdc_offsets ADD COLUMN IF NOT EXISTS position TEXT COLLATE "C"`,
    sql`ALTER TABLE cdc_dedupe ADD COLUMN IF NOT EXISTS position TEXT COLLATE "C"`,
  ]);
}

async function openTable(tx: Queryable, contract: TableContract): Promise<MirrorTable> {
  const { table, key } = contract;
  const columns = governedColumns(contract);
  const names = new Set(columns.map(({ name }) => name));
  const keyless = key.filter((column) => !names.has(column));
  if (keyless.length > 0) {
    throw new Error(
      `table ${table}: its key column ${keyless.join(', ')} does not leave govern; give it a rule other than drop in its contract`,
    );
  }
  if (names.has('_position')) {
    throw new Error(
      `table ${table}: a column _position is the mirror's own; drop that column by its contract`,
    );
  }
  if (!(await exists(tx, table))) await createTable(tx, table, columns, key);
  else await widenColumns(tx, contract);
  return readTable(tx, table, [...names, '_position'], key);
}

async function exists(tx: Queryable, table: string): Promise<boolean> {
  const [schema, name] = splitName(table);
  const found = await tx.query(
    sql`SELECT 1 FROM pg_tables WHERE schemaname = ${schema} AND tablename = ${name}`,
  );
  return found.length > 0;
}

async function createTable(
  tx: Queryable,
  table: string,
  columns: readonly { readonly name: string; readonly type: string }[],
  key: readonly string[],
): Promise<void> {
  const [schema, name] = splitName(table);
  const schemas = await tx.query(sql`SELECT 1 FROM pg_namespace WHERE nspname = ${schema}`);
  if (schemas.length === 0) await tx.query(sql`CREATE SCHEMA ${sqlName(schema)}`);

  const definitions: SQLQuery[] = [];
  for (const column of columns) {
    const notNull = key.includes(column.name) ? sql`NOT NULL` : sql``;
    definitions.push(sql`${sqlName(column.name)} ${await typeOf(tx, column.type)} ${notNull}`);
  }
  const primary = key.length > 0 ? key : ['_position'];
  await tx.query(sql`CREATE TABLE ${sqlName(schema, name)} (
    ${sql.join(definitions, ', ')},
    _position TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (${idents(primary)}))`);
}

/** What is masked, a token or a class is text: a column that was made when it was kept becomes so. */
async function widenColumns(tx: Queryable, { table, columns }: TableContract): Promise<void> {
  const [schema, name] = splitName(table);
  const found: readonly { readonly column: string }[] = await tx.query(sql`
    SELECT a.attname AS column FROM pg_attribute a
      JOIN pg_class c ON c.oid = a.attrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_type t ON t.oid = a.atttypid
    WHERE n.nspname = ${schema} AND c.relname = ${name} AND a.attnum > 0 AND NOT a.attisdropped
      AND t.typcategory <> 'S'`);
  const typed = new Set(found.map(({ column }) => column));
  for (const { name: column, rule } of columns)
    if (rule !== 'keep' && rule !== 'drop' && typed.has(column))
      await tx.query(
        sql`ALTER TABLE ${sqlName(schema, name)} ALTER COLUMN ${sqlName(column)} TYPE text`,
      );
}

/** The type of that name, if the mirror has it; else text, which holds every type's own representation. */
async function typeOf(tx: Queryable, type: string): Promise<SQLQuery> {
  const shape = /^[a-z_][\w. ]*(\(\d+(, ?-?\d+)?\))?[a-z ]*(\[\])*$/i;
  if (!shape.test(type)) return sql`text`;
  const [known] = await tx.query(sql`SELECT to_regtype(${type})::text AS type`);
  return known?.type ? sql.__dangerous__rawValue(type) : sql`text`;
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
  // As the server prints a type, it is safe to be said back to it.
  const types = new Map(found.map(({ column, type }) => [column, sql.__dangerous__rawValue(type)]));
  const missing = columns.filter((column) => !types.has(column));
  if (missing.length > 0) {
    throw new Error(
      `table ${table} of the mirror lacks the column ${missing.join(', ')}; add it there, or drop the table so that it is made anew from its contract`,
    );
  }
  return { name: table, ident: sqlName(schema, name), key, types };
}

/** Column names, quoted, in a row. */
export const idents = (columns: readonly string[]): SQLQuery =>
  sql.join(
    columns.map((column) => sqlName(column)),
    ', ',
  );
