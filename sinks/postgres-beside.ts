import databases, {
  isSQLError,
  type Queryable,
  sql,
  type SQLQuery,
  type Transaction,
} from '@databases/pg';
import { setTimeout as wait } from 'node:timers/promises';
import { governedColumns, type TableContract } from '../contracts/contract.ts';
import { postgresLogin } from '../contracts/postgres-login.ts';
import { sqlName } from '../contracts/sql-name.ts';
import { type Beside, besideContract, type Merged } from './beside.ts';
import { lock } from './postgres-lanes.ts';
import { idents, primaryOf, splitName } from './postgres-plan.ts';
import { dependents, takeOver } from './postgres-takeover.ts';
import { lockMirror, nameOf, typeOfColumn } from './postgres-tables.ts';

const lockTimeout = '3s'; // Whoever reads for longer is not to have all others wait behind us.
const tries = 20;

/** A table of the mirror beside itself: in a schema of its own, until it takes the other's name or gives its rows to it. */
export function besideMirror(url: string, contract: TableContract, replay: number): Beside {
  const db = databases.default({
    ...postgresLogin(url),
    applicationName: 'conductor replay',
    bigIntMode: 'string',
    poolSize: 2,
    onError: () => {}, // A lost idle connection shows itself at the next question.
  });
  const beside = besideContract(contract, replay);
  const live = nameOf(contract.table);
  const own = nameOf(beside.table);
  const schema = sqlName(splitName(beside.table)[0]);
  const tables: Tables = { live: contract.table, own: beside.table };

  return {
    contract: beside,
    async obstacle() {
      const found = await dependents(db, contract.table);
      return found.length > 0
        ? `it would leave behind what hangs on the old table: ${found.join(', ')}`
        : null;
    },
    isThere: () => isThere(db, beside.table),
    async prepare() {
      await db.tx(async (tx) => {
        await tx.query(sql`CREATE SCHEMA IF NOT EXISTS ${schema}`);
        // With its indexes and whatever else somebody gave it; without its key nothing could be written to it.
        if (await hasKey(tx, contract))
          await tx.query(sql`CREATE TABLE ${own} (LIKE ${live} INCLUDING ALL)`);
        await forget(tx, beside.table);
      });
    },
    note: () => Promise.resolve(beside.table),
    async switchOver(catchUp) {
      if (!(await isThere(db, beside.table))) return null; // It is there already, under the other's name.
      await catchUp('beside'); // To open it, which this may do, wants a lock that is held below.
      await db.query(sql`ANALYZE ${own}`);
      await locked(db, contract.table, async (tx) => {
        await catchUp('beside', 'opened');
        await takeOver(tx, tables);
        await moveBooks(tx, tables);
        await tx.query(sql`DROP SCHEMA ${schema}`);
      });
      return null; // All that it held of its table is current rows, and those are here.
    },
    async merge(catchUp, whole) {
      if (!(await isThere(db, beside.table))) return { rows: 0, removed: 0 };
      await catchUp('beside');
      return await locked(db, contract.table, async (tx) => {
        await catchUp('beside', 'opened');
        const merged = await mergeRows(tx, contract, { tables, whole });
        await addGraves(tx, tables);
        await forget(tx, beside.table);
        await tx.query(sql`DROP TABLE ${own}`);
        await tx.query(sql`DROP SCHEMA ${schema}`);
        return merged;
      });
    },
    async drop() {
      await db.tx(async (tx) => {
        await tx.query(sql`SET LOCAL client_min_messages = warning`);
        await tx.query(sql`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
        if (await hasBooks(tx)) await forget(tx, beside.table);
      });
    },
    [Symbol.asyncDispose]: () => db.dispose(),
  };
}

interface Tables {
  readonly live: string;
  readonly own: string;
}

/** With every writer of the table kept out, as a truncate keeps them out; readers go on. */
async function locked<T>(
  db: ReturnType<typeof databases.default>,
  table: string,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await db.tx(async (tx) => {
        await tx.query(sql`SELECT set_config('lock_timeout', ${lockTimeout}, true)`);
        await lockMirror(tx);
        await lock(tx, [{ table, isTruncated: true, lanes: [] }]);
        return await work(tx);
      });
    } catch (error) {
      if (attempt === tries || !isSQLError(error)) throw error;
      if (!['55P03', '40P01', '40001'].includes(error.code ?? '')) throw error;
      await wait(250);
    }
  }
}

async function isThere(db: Queryable, table: string): Promise<boolean> {
  const [schema, name] = splitName(table);
  const found = await db.query(sql`
    SELECT 1 FROM pg_tables WHERE schemaname = ${schema} AND tablename = ${name}`);
  return found.length > 0;
}

async function hasBooks(db: Queryable): Promise<boolean> {
  const [found] = (await db.query(
    sql`SELECT to_regclass('cdc_dedupe') IS NOT NULL AS yes`,
  )) as readonly { readonly yes: boolean }[];
  return found?.yes ?? false;
}

async function hasKey(db: Queryable, { table, key }: TableContract): Promise<boolean> {
  if (!(await isThere(db, table))) return false;
  const [schema, name] = splitName(table);
  const rows = (await db.query(sql`
    SELECT array_agg(a.attname::text ORDER BY a.attname) AS columns
    FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
    WHERE i.indrelid = (quote_ident(${schema}) || '.' || quote_ident(${name}))::regclass AND i.indisprimary`)) as readonly {
    readonly columns: readonly string[] | null;
  }[];
  return primaryOf(key).toSorted().join('\0') === (rows[0]?.columns ?? []).toSorted().join('\0');
}

async function mergeRows(
  tx: Transaction,
  contract: TableContract,
  { tables, whole }: { readonly tables: Tables; readonly whole: boolean },
): Promise<Merged> {
  const [live, own] = [nameOf(tables.live), nameOf(tables.own)];
  // Rows are compared by their texts, and keys of what is dead are the source's: whatever this server's own settings are.
  await tx.query(sql`
    SELECT set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO', true),
      set_config('intervalstyle', 'postgres', true), set_config('bytea_output', 'hex', true)`);
  const columns = [...governedColumns(contract).map(({ name }) => name), '_position'];
  const each = (of: (name: string) => SQLQuery) =>
    sql.join(
      columns.map((name) => of(name)),
      ', ',
    );
  const same = sql.join(
    primaryOf(contract.key).map((name) => sql`t.${sqlName(name)} = s.${sqlName(name)}`),
    ' AND ',
  );
  const types = await keyTypes(tx, contract);
  const buried = contract.key.map(
    (name) =>
      sql`t.${sqlName(name)} = ((substr(d.pk, length(${tables.own}::text) + 1)::jsonb)->>${name})::${typeOfColumn({ types }, name)}`,
  );
  const gone =
    buried.length === 0
      ? 0
      : await counted(
          tx,
          sql`
          DELETE FROM ${live} t USING cdc_dedupe d
          WHERE starts_with(d.pk, ${`${tables.own}{`}) AND ${sql.join(buried, ' AND ')} AND t._position < d.position`,
        );
  const [floor] = (await tx.query(
    sql`SELECT position FROM cdc_dedupe WHERE pk = ${tables.own}`,
  )) as readonly { readonly position: string }[];
  const truncated = floor
    ? await counted(tx, sql`DELETE FROM ${live} WHERE _position < ${floor.position}`)
    : 0;
  const extra = whole
    ? await counted(
        tx,
        sql`DELETE FROM ${live} t WHERE NOT EXISTS (SELECT FROM ${own} s WHERE ${same})`,
      )
    : 0;
  const rows = await counted(
    tx,
    sql`
    INSERT INTO ${live} AS t (${idents(columns)}) SELECT ${idents(columns)} FROM ${own}
    ON CONFLICT (${idents(primaryOf(contract.key))}) DO UPDATE SET ${each((name) => sql`${sqlName(name)} = excluded.${sqlName(name)}`)}
      WHERE t._position <= excluded._position
        AND (${each((name) => sql`t.${sqlName(name)}::text`)}) IS DISTINCT FROM (${each((name) => sql`excluded.${sqlName(name)}::text`)})`,
  );
  return { rows, removed: gone + truncated + extra };
}

/** As the server names them: a key is the same by its type, in which blanks that pad it may not count. */
async function keyTypes(
  tx: Transaction,
  { table, key }: TableContract,
): Promise<ReadonlyMap<string, string>> {
  const found = (await tx.query(sql`
    SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
    WHERE attrelid = to_regclass(format('%I.%I', ${sql.join(
      splitName(table).map((part) => sql`${part}::text`),
      ', ',
    )})) AND attname = ANY(${[...key]})`)) as readonly {
    readonly name: string;
    readonly type: string;
  }[];
  return new Map(found.map(({ name, type }) => [name, type]));
}

/** Of how many rows a statement makes others, or none: the server counts them, for there may be millions. */
async function counted(tx: Transaction, statement: SQLQuery): Promise<number> {
  const [done] = (await tx.query(
    sql`WITH done AS (${statement} RETURNING 1) SELECT count(*)::float8 AS rows FROM done`,
  )) as readonly { readonly rows: number }[];
  return done?.rows ?? 0;
}

/** Where its lanes are, and what is dead of it, is the other's from now on. */
async function moveBooks(tx: Transaction, { live, own }: Tables): Promise<void> {
  const renamed = (column: 'stream' | 'pk') =>
    sql`${live}::text || substr(${sqlName(column)}, length(${own}::text) + 1)`;
  await tx.query(sql`
    DELETE FROM cdc_offsets o USING cdc_offsets s
    WHERE starts_with(s.stream, ${`${own}/`}) AND o.stream = ${live}::text || substr(s.stream, length(${own}::text) + 1)`);
  await tx.query(
    sql`UPDATE cdc_offsets SET stream = ${renamed('stream')} WHERE starts_with(stream, ${`${own}/`})`,
  );
  await tx.query(sql`
    DELETE FROM cdc_dedupe d USING cdc_dedupe s
    WHERE (s.pk = ${own} OR starts_with(s.pk, ${`${own}{`})) AND d.pk = ${live}::text || substr(s.pk, length(${own}::text) + 1)`);
  await tx.query(
    sql`UPDATE cdc_dedupe SET pk = ${renamed('pk')} WHERE pk = ${own} OR starts_with(pk, ${`${own}{`})`,
  );
}

/** What is dead beside is dead here; and the lanes know how far their rows have come, to be compared with up to then. */
async function addGraves(tx: Transaction, { live, own }: Tables): Promise<void> {
  await tx.query(sql`
    INSERT INTO cdc_dedupe AS d (pk, ts, position)
    SELECT ${live}::text || substr(pk, length(${own}::text) + 1), ts, position FROM cdc_dedupe
    WHERE pk = ${own} OR starts_with(pk, ${`${own}{`})
    ON CONFLICT (pk) DO UPDATE SET ts = excluded.ts, position = excluded.position
      WHERE coalesce(d.position, '') < excluded.position`);
  await tx.query(sql`
    INSERT INTO cdc_offsets AS o (stream, lsn, position, record_offset)
    SELECT ${live}::text || substr(stream, length(${own}::text) + 1), lsn, position, record_offset
    FROM cdc_offsets WHERE starts_with(stream, ${`${own}/`})
    ON CONFLICT (stream) DO UPDATE SET lsn = excluded.lsn, position = excluded.position
      WHERE coalesce(o.position, '') < excluded.position`);
}

async function forget(tx: Queryable, own: string): Promise<void> {
  if (!(await hasBooks(tx))) return;
  await tx.query(sql`DELETE FROM cdc_offsets WHERE starts_with(stream, ${`${own}/`})`);
  await tx.query(sql`DELETE FROM cdc_dedupe WHERE pk = ${own} OR starts_with(pk, ${`${own}{`})`);
}
