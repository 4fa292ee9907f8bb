import { isSQLError, sql } from '@databases/pg';
import type { SQLQuery, Transaction } from '@databases/pg';
import { NotNow } from '../contracts/cannot-run.ts';
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
  const place = await placeApart(tx, table);
  const apart: MirrorTable = { ...table, ident: place.ident };
  await tx.query([
    sql`${place.create} (LIKE ${table.ident} INCLUDING DEFAULTS INCLUDING GENERATED)`,
    sql`ALTER TABLE ${place.ident} ADD PRIMARY KEY (${idents(table.key)})`,
  ]);
  const columns = await storedColumns(tx, place);
  const { truncated, upserts, removals } = changes;
  if (truncated) await tx.query(sql`DELETE FROM ${table.ident} WHERE _position < ${truncated.at}`);
  await tx.query(sql`
    WITH gone AS (
      DELETE FROM ${table.ident} t USING ${unnestKeys(table, [...upserts, ...removals], [], [])}
      WHERE ${sameKey(table)} RETURNING t.*)
    INSERT INTO ${place.ident} (${columns}) SELECT ${columns} FROM gone`);
  await writeTable(tx, apart, changes);
  await tx.query([
    sql`INSERT INTO ${table.ident} (${columns}) OVERRIDING SYSTEM VALUE SELECT ${columns} FROM ${place.ident}`,
    sql`DROP TABLE ${place.ident}`,
  ]);
  return true;
}

interface Place {
  readonly name: readonly [schema: string, table: string];
  readonly ident: SQLQuery;
  readonly create: SQLQuery;
}

interface Rights {
  readonly temporary: boolean;
  readonly beside: boolean;
  readonly database: string;
  readonly role: string;
  readonly session: number;
}

/** A temporary table, or one beside the table where none may be made: it is gone before anybody could see it. */
async function placeApart(tx: Transaction, { name }: MirrorTable): Promise<Place> {
  const [schema] = splitName(name);
  const [rights] = (await tx.query(sql`
    SELECT has_database_privilege(current_database(), 'TEMPORARY') AS temporary,
      has_schema_privilege(${schema}, 'CREATE') AS beside, current_database()::text AS database,
      current_user::text AS role, pg_backend_pid() AS session`)) as [Rights];
  const { temporary, beside, session } = rights;
  if (temporary) {
    const apart = 'conductor_apart';
    const ident = sqlName('pg_temp', apart);
    return {
      name: ['pg_temp', apart],
      ident,
      create: sql`CREATE TEMPORARY TABLE ${sqlName(apart)}`,
    };
  }
  if (!beside) throw mayNot(name, rights);
  const apart = `conductor_apart_${session}`; // Of the same name, another's would wait for ours to be gone.
  const ident = sqlName(schema, apart);
  return { name: [schema, apart], ident, create: sql`CREATE UNLOGGED TABLE ${ident}` };
}

const mayNot = (table: string, { database, role }: Rights) =>
  new NotNow({
    what: `rows of table ${table} are in each other's way, and role ${role} may make no table to write them apart`,
    where: 'sinks.postgres',
    fix: `GRANT TEMPORARY ON DATABASE "${database}" TO "${role}"`,
  });

async function isPointedAt(tx: Transaction, { name }: MirrorTable): Promise<boolean> {
  const [schema, own] = splitName(name);
  const found = await tx.query(sql`
    SELECT 1 FROM pg_constraint f
      JOIN pg_class c ON c.oid = f.confrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE f.contype = 'f' AND n.nspname = ${schema} AND c.relname = ${own} LIMIT 1`);
  return found.length > 0;
}

/** All that are not computed from others. */
async function storedColumns(tx: Transaction, { name: [schema, own] }: Place): Promise<SQLQuery> {
  const found: readonly { readonly name: string }[] = await tx.query(sql`
    SELECT attname AS name FROM pg_attribute
    WHERE attrelid = to_regclass(format('%I.%I', ${schema}::text, ${own}::text)) AND attnum > 0
      AND NOT attisdropped AND attgenerated = ''
    ORDER BY attnum`);
  return idents(found.map(({ name }) => name));
}
