import { type Queryable, sql } from '@databases/pg';
import type { TableContract } from '../../contracts/contract.ts';
import type { SourceSettings } from '../../contracts/source-settings.ts';
import { mayReadItself } from '../../pipelines/backfill/described.ts';
import { lookAtTables } from '../../pipelines/wal/tables.ts';
import { failed, type Finding, ok, warning } from './finding.ts';
import { checkOldRows } from './old-rows.ts';
import { capturedBefore, type Known } from './state.ts';

interface Access {
  readonly table: string;
  readonly ident: string; // As SQL wants it quoted.
  readonly schemaIdent: string;
  readonly usage: boolean; // Of its schema.
  readonly hidden: boolean; // Row security applies to this role.
  readonly readable: boolean;
  readonly inPart: boolean; // Some of its columns.
  readonly aside: readonly string[]; // Its partitions that cannot be read by their own names.
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
  const { faults, unknownColumns } = await lookAtTables(db, {
    publication: settings.publication,
    contracts: tables,
  });
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
  const unread = accesses.flatMap((access) => accessFault(access, role, due));
  if (unread.length === 0) findings.push(ok('select', `${role} may read every table for a copy`));
  const asides = accesses.flatMap((access) => asideFault(access, role));
  return [...findings, ...unread, ...asides, ...(await checkOldRows(db, tables))];
}

function accessFault(access: Access, role: string, due: boolean): readonly Finding[] {
  const { table, ident, schemaIdent } = access;
  const report = due ? failed : warning;
  const when = due ? 'the first copy' : 'a repair, or another copy,';
  const where = `table ${table}`;
  if (!access.usage || !access.readable)
    return [
      report('select', {
        what: access.inPart
          ? `role ${role} may read some of its columns only, and ${when} locks the table against DROP and TRUNCATE, for which PostgreSQL wants SELECT on the whole of it`
          : `role ${role} may not read it, and ${when} would`,
        where,
        fix: `as its owner: GRANT USAGE ON SCHEMA ${schemaIdent} TO "${role}"; GRANT SELECT ON ${ident} TO "${role}"; or set source.snapshot: never`,
      }),
    ];
  if (access.hidden)
    return [
      report('select', {
        what: `row security hides rows of it from role ${role}: ${when} would miss them, and is refused`,
        where,
        fix: `as a superuser: ALTER ROLE "${role}" BYPASSRLS`,
      }),
    ];
  return [];
}

const mostNamed = 3;

/** A partition that only its root gives access to is copied, but with a look at the others each time. */
function asideFault({ table, readable, aside }: Access, role: string): readonly Finding[] {
  if (!readable || aside.length === 0) return [];
  const named = aside.slice(0, mostNamed).join(', ');
  const more = aside.length > mostNamed ? ` and ${aside.length - mostNamed} more` : '';
  return [
    warning('select', {
      what: `role ${role} may not read ${named}${more} by name: a copy reads what lies there through the root, which takes longer`,
      where: `table ${table}`,
      fix: `as the owner: GRANT SELECT ON ${aside.join(', ')} TO "${role}", and USAGE on their schema`,
    }),
  ];
}

async function accessTo(db: Queryable, tables: readonly string[]): Promise<readonly Access[]> {
  const itself = sql.__dangerous__rawValue(mayReadItself);
  return (await db.query(sql`
    SELECT n.nspname || '.' || c.relname AS table, format('%I.%I', n.nspname, c.relname) AS ident,
           quote_ident(n.nspname) AS "schemaIdent",
           has_schema_privilege(n.oid, 'USAGE') AS usage,
           row_security_active(c.oid) AS hidden,
           has_table_privilege(c.oid, 'SELECT') AS readable,
           has_any_column_privilege(c.oid, 'SELECT') AS "inPart",
           ARRAY(SELECT format('%I.%I', n.nspname, c.relname)
                 FROM pg_partition_tree(root.oid) leaf
                 JOIN pg_class c ON c.oid = leaf.relid AND c.relkind = 'r' AND c.oid <> root.oid
                 JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE NOT (${itself}) ORDER BY 1) AS aside
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (SELECT c.oid) AS root
    WHERE n.nspname || '.' || c.relname = ANY (${[...tables]})`)) as readonly Access[];
}
