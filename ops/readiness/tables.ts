import { type Queryable, sql } from '@databases/pg';
import type { TableContract } from '../../contracts/contract.ts';
import type { SourceSettings } from '../../contracts/source-settings.ts';
import { lookAtTables } from '../../pipelines/wal/tables.ts';
import { failed, type Finding, ok, warning } from './finding.ts';
import { capturedBefore, type Known } from './state.ts';

interface Access {
  readonly table: string;
  readonly usage: boolean; // Of its schema.
  readonly hidden: boolean; // Row security applies to this role.
  readonly readable: boolean;
  readonly readableColumns: readonly string[];
}

/** Holds the contracts against the tables, and looks whether a first copy could read them. */
export async function checkTablesThere(
  db: Queryable,
  {
    tables,
    role,
    settings,
    known,
  }: {
    readonly tables: ReadonlyMap<string, TableContract>;
    readonly role: string;
    readonly settings: SourceSettings;
    readonly known: Known;
  },
): Promise<readonly Finding[]> {
  const { faults, unknownColumns } = await lookAtTables(db, tables);
  const begun = capturedBefore(known) !== null;
  const findings: Finding[] = faults.map(({ what, where, fix }) =>
    begun
      ? warning('tables', {
          what: `${what}: the stream goes on, and what readers of its topic cannot follow is kept as dead letters`,
          where,
          fix,
        })
      : failed('tables', { what, where, fix }),
  );
  if (findings.length === 0)
    findings.push(ok('tables', `${tables.size} are as their contracts say`));
  if (unknownColumns.length > 0)
    findings.push(
      warning('tables', {
        what: `no contract names ${unknownColumns.join(', ')}: sealed, and dropped by govern`,
        where: 'contracts',
        fix: 'name each in the contract of its table, with its classification and its rule',
      }),
    );
  // A copy is due where nothing was captured yet; later only a repair would read the tables.
  const due = settings.snapshot === 'initial' && !begun;
  const accesses = await accessTo(db, [...tables.keys()]);
  const unread = accesses.flatMap((access) => accessFault(access, tables, role, due));
  if (unread.length === 0) findings.push(ok('select', `${role} may read every table for a copy`));
  return [...findings, ...unread];
}

function accessFault(
  access: Access,
  tables: ReadonlyMap<string, TableContract>,
  role: string,
  due: boolean,
): readonly Finding[] {
  const { table } = access;
  const report = due ? failed : warning;
  const when = due ? 'the first copy' : 'a repair, or another copy,';
  const [schema] = table.split('.');
  const where = `table ${table}`;
  const columns = tables.get(table)?.columns ?? [];
  const lacking = columns.filter(({ name }) => !access.readableColumns.includes(name));
  if (!access.usage || (!access.readable && lacking.length > 0))
    return [
      report('select', {
        what: `role ${role} may not read it, and ${when} would`,
        where,
        fix: `as its owner: GRANT USAGE ON SCHEMA ${schema} TO "${role}"; GRANT SELECT ON ${table} TO "${role}"; or set source.snapshot: never`,
      }),
    ];
  if (access.hidden)
    return [
      report('select', {
        what: `row security hides rows of it from role ${role}: ${when} would miss them`,
        where,
        fix: `as a superuser: ALTER ROLE "${role}" BYPASSRLS; or give it a policy that shows all rows`,
      }),
    ];
  return [];
}

async function accessTo(db: Queryable, tables: readonly string[]): Promise<readonly Access[]> {
  return (await db.query(sql`
    SELECT n.nspname || '.' || c.relname AS table,
           has_schema_privilege(n.oid, 'USAGE') AS usage,
           row_security_active(c.oid) AS hidden,
           has_table_privilege(c.oid, 'SELECT') AS readable,
           (SELECT coalesce(array_agg(attname::text), '{}') FROM pg_attribute
            WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
              AND has_column_privilege(c.oid, attnum, 'SELECT')) AS "readableColumns"
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname || '.' || c.relname = ANY (${[...tables]})`)) as readonly Access[];
}
