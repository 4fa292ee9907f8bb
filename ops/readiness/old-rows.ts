import { type Queryable, sql } from '@databases/pg';
import type { TableContract } from '../../contracts/contract.ts';
import { failed, type Finding } from './finding.ts';

/** Whether tables whose noisy aggregates take away what is updated and deleted send whole old rows. */
export async function checkOldRows(
  db: Queryable,
  tables: ReadonlyMap<string, TableContract>,
): Promise<readonly Finding[]> {
  const asking = [...tables.values()].filter(
    ({ dp, insertOnly, outbox }) => dp?.changes === 'all' && !insertOnly && !outbox,
  );
  if (asking.length === 0) return [];
  const lacking = (await db.query(sql`
    SELECT n.nspname || '.' || c.relname AS table, format('%I.%I', n.nspname, c.relname) AS ident
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname || '.' || c.relname = ANY (${asking.map(({ table }) => table)})
      AND c.relreplident <> 'f'
    ORDER BY 1`)) as readonly { readonly table: string; readonly ident: string }[];
  return lacking.map(({ table, ident }) =>
    failed('aggregates', {
      what: `table ${table} does not send whole old rows: what is updated or deleted cannot be taken away from its noisy aggregates, and would be kept as dead letters`,
      where: `dp, in the contract of ${table}`,
      fix: `as its owner: ALTER TABLE ${ident} REPLICA IDENTITY FULL; or promise changes: inserts`,
    }),
  );
}
