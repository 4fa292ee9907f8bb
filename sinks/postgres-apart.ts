import { isSQLError, sql } from '@databases/pg';
import type { SQLQuery, Transaction } from '@databases/pg';
import { sqlName } from '../contracts/sql-name.ts';
import type { TableChanges } from './compact.ts';
import { idents, splitName } from './postgres-plan.ts';
import type { MirrorTable } from './postgres-tables.ts';
import { sameKey, unnestKeys, writeTable } from './postgres-write.ts';

/**
 * Whether a row was in the way of another by a constraint of the mirror's own: two that exchange a unique value
 * are, whichever is written first. The key itself is never: what has it is written over.
 */
export const isInTheWay = (error: unknown): boolean =>
  isSQLError(error) && (error.code === '23505' || error.code === '23P01');

/**
 * Does what `writeTable` does, in an order that no constraint minds: the rows of the batch are taken out of the
 * table, become what they become apart from it, where only the key is unique, and are put back as they ended.
 * False if the table has no key, or rows of others point at it: taking a row out might take those with it.
 */
export async function writeApart(
  tx: Transaction,
  table: MirrorTable,
  changes: TableChanges,
): Promise<boolean> {
  if (table.key.length === 0 || (await isPointedAt(tx, table))) return false;
  const apart: MirrorTable = { ...table, ident: apartIdent };
  await tx.query([
    sql`CREATE TEMPORARY TABLE ${apartName} (LIKE ${table.ident} INCLUDING DEFAULTS INCLUDING GENERATED)`,
    sql`ALTER TABLE ${apartIdent} ADD PRIMARY KEY (${idents(table.key)})`,
  ]);
  const columns = await storedColumns(tx);
  const { truncated, upserts, removals } = changes;
  if (truncated) await tx.query(sql`DELETE FROM ${table.ident} WHERE _position < ${truncated.at}`);
  await tx.query(sql`
    WITH gone AS (
      DELETE FROM ${table.ident} t USING ${unnestKeys(table, [...upserts, ...removals], [], [])}
      WHERE ${sameKey(table)} RETURNING t.*)
    INSERT INTO ${apartIdent} (${columns}) SELECT ${columns} FROM gone`);
  await writeTable(tx, apart, changes);
  await tx.query([
    sql`INSERT INTO ${table.ident} (${columns}) OVERRIDING SYSTEM VALUE SELECT ${columns} FROM ${apartIdent}`,
    sql`DROP TABLE ${apartIdent}`,
  ]);
  return true;
}

const apartName = sqlName('conductor_apart');
const apartIdent = sqlName('pg_temp', 'conductor_apart');

async function isPointedAt(tx: Transaction, { name }: MirrorTable): Promise<boolean> {
  const [schema, own] = splitName(name);
  const found = await tx.query(sql`
    SELECT 1 FROM pg_constraint f
      JOIN pg_class c ON c.oid = f.confrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE f.contype = 'f' AND n.nspname = ${schema} AND c.relname = ${own} LIMIT 1`);
  return found.length > 0;
}

/** All that are not computed from others. */
async function storedColumns(tx: Transaction): Promise<SQLQuery> {
  const found: readonly { readonly name: string }[] = await tx.query(sql`
    SELECT attname AS name FROM pg_attribute
    WHERE attrelid = 'pg_temp.conductor_apart'::regclass AND attnum > 0 AND NOT attisdropped
      AND attgenerated = ''
    ORDER BY attnum`);
  return idents(found.map(({ name }) => name));
}
