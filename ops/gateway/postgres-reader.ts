import { type Queryable, type SQLQuery, sql } from '@databases/pg';
import type { TableContract } from '../../contracts/contract.ts';
import { sqlName } from '../../contracts/sql-name.ts';
import { ownPool, partFrom } from '../../pipelines/wal/own-pool.ts';
import type { RestingRow } from '../../processors/view.ts';
import type { Reader, Wanted } from './reader.ts';

/** Reads the mirror, and writes nothing: every question is asked in a transaction that could not. */
export function postgresReader(url: string, timeoutSeconds: number): Reader {
  const db = ownPool(url, { name: 'conductor api', size: 4 });
  const ask = (question: SQLQuery): Promise<readonly unknown[]> =>
    db.tx(
      async (tx: Queryable) => {
        await tx.query(
          sql`SELECT set_config('statement_timeout', ${`${timeoutSeconds}s`}, true)::text`,
        );
        return tx.query(question);
      },
      { readOnly: true },
    );
  return {
    async rows({ after, limit, ...wanted }) {
      const { contract, columns } = wanted;
      const key = names(contract.key);
      const beyond = after
        ? sql`(${key}) > (SELECT ${key} FROM json_populate_record(NULL::${tableOf(contract)}, ${JSON.stringify(after)}::json) AS r)`
        : sql`true`;
      return (await ask(sql`
        SELECT ${texts(columns)} FROM ${tableOf(contract)} AS r
        WHERE ${ofTenant(wanted)} AND ${beyond} ORDER BY ${key} LIMIT ${limit}`)) as readonly RestingRow[];
    },
    async tenants(contract) {
      if (contract.tenant === null) return [];
      const tenant = sqlName('r', contract.tenant);
      const found = (await ask(sql`
        SELECT DISTINCT ${tenant}::text AS tenant FROM ${tableOf(contract)} AS r
        WHERE ${tenant} IS NOT NULL`)) as readonly { readonly tenant: string }[];
      return found.map((row) => row.tenant);
    },
    async groups({ subject, least, limit, ...wanted }) {
      const { contract, columns } = wanted;
      const subjects = sql`count(DISTINCT ${sqlName('r', subject)})`;
      const found = (await ask(sql`
        SELECT json_build_object(${pairs(columns)}) AS "group", ${subjects}::float8 AS subjects, count(*)::float8 AS rows
        FROM ${tableOf(contract)} AS r WHERE ${ofTenant(wanted)}
        GROUP BY ${names(columns)} HAVING ${subjects} >= ${least}
        ORDER BY ${names(columns)} LIMIT ${limit}`)) as readonly {
        readonly group: RestingRow;
        readonly subjects: number;
        readonly rows: number;
      }[];
      return found.map(({ group, subjects: count, rows }) => ({ group, subjects: count, rows }));
    },
    [Symbol.asyncDispose]: () => partFrom(db),
  };
}

function tableOf({ table }: TableContract): SQLQuery {
  const dot = table.indexOf('.');
  return sqlName(table.slice(0, dot), table.slice(dot + 1));
}

const ofTenant = ({ contract, tenant }: Wanted): SQLQuery =>
  tenant === null || contract.tenant === null
    ? sql`true`
    : sql`${sqlName('r', contract.tenant)}::text = ${tenant}`;

/** By the row's alias: a bare name in ORDER BY would be the text of that name that is selected. */
const names = (columns: readonly string[]): SQLQuery =>
  sql.join(
    columns.map((column) => sqlName('r', column)),
    ', ',
  );

const texts = (columns: readonly string[]): SQLQuery =>
  sql.join(
    columns.map((column) => sql`${sqlName('r', column)}::text AS ${sqlName(column)}`),
    ', ',
  );

const pairs = (columns: readonly string[]): SQLQuery =>
  sql.join(
    columns.map((column) => sql`${column}::text, ${sqlName('r', column)}::text`),
    ', ',
  );
