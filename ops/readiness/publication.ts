import { type Queryable, sql } from '@databases/pg';
import type { TableContract } from '../../contracts/contract.ts';
import type { Trouble } from '../../contracts/cannot-run.ts';
import { lookAtOwnerWrites, type OwnerWrites } from '../../pipelines/wal/owner-writes.ts';
import {
  lookAtPublication,
  publicationFaults,
  type Publishing,
  withoutRenamed,
} from '../../pipelines/wal/publication.ts';
import { publishText } from '../../pipelines/wal/publish.ts';
import type { Server } from '../../pipelines/wal/server.ts';
import { failed, type Finding, ok, warning } from './finding.ts';

/** The row of `pg_publication`, as far as this version has it. */
interface Options {
  readonly pubtruncate: boolean;
  readonly puballtables: boolean;
}

/** A row of `pg_publication_tables`; before 15 there are no lists and no filters. */
interface Published {
  readonly schemaname: string;
  readonly tablename: string;
  readonly attnames?: readonly string[] | null;
  readonly rowfilter?: string | null;
  readonly columns: readonly string[]; // That the table has.
}

/** Looks whether every table under contract is published, and everything of it. */
export async function checkPublication(
  db: Queryable,
  publishing: Publishing,
  { standby, role, version }: Server,
  captured: ReadonlySet<number> | null = null,
): Promise<readonly Finding[]> {
  const { publication, contracts } = publishing;
  const { found: looked, renamed } = withoutRenamed(
    await lookAtPublication(db, publishing),
    publication,
    captured ?? new Set(),
  );
  const { missing } = looked;
  const writes = await lookAtOwnerWrites(db, publishing, { missing, version });
  const { generated, kept } = writes;
  const found = { ...looked, missing: missing.filter((table) => !kept.includes(table)) };
  const where = `publication ${publication}`;
  const findings: Finding[] = renamed.map(({ what, fix, table }) =>
    warning('publication', { what, where: `table ${table}`, fix }),
  );
  for (const fault of publicationFaults(found, publication))
    findings.push(failed('publication', fault));
  if (found.missing.length > 0) {
    const may = !standby && (await mayPublish(db, publication, found));
    const verb = found.there ? 'added to' : 'published in';
    findings.push(
      may
        ? ok('publication', `${found.missing.join(', ')} will be ${verb} ${publication}`)
        : failed('publication', {
            what: `role ${role} may not publish ${found.missing.join(', ')}`,
            where,
            fix: `as their owner${standby ? ', on the primary' : ''}: ${publishText(publication, { found, generated })}`,
          }),
    );
  } else if (findings.every(({ outcome }) => outcome !== 'failed') && kept.length === 0)
    findings.push(
      ok('publication', `${publication} has all ${contracts.size - found.gone.length} tables`),
    );
  findings.push(...identityFindings(writes, captured === null ? failed : warning));
  if (!found.there) return findings;
  const options = await optionsOf(db, publication);
  return [
    ...findings,
    ...optionFindings(publication, options),
    ...(options.pubtruncate ? partitionFindings(found.gathered, where) : []),
    ...partFindings(await publishedOf(db, publication), contracts, where),
  ];
}

/** Whether old rows tell enough, and whether anybody can still change them. */
function identityFindings(
  { faults, warnings }: OwnerWrites,
  report: typeof failed,
): readonly Finding[] {
  const trouble = ({ what, where, fix }: Trouble): Trouble => ({ what, where, fix });
  const findings = [
    ...faults.map((fault) => report('identity', trouble(fault))),
    ...warnings.map((each) => warning('identity', trouble(each))),
  ];
  return findings.length > 0
    ? findings
    : [ok('identity', 'updates and deletes tell which row they are of')];
}

async function mayPublish(
  db: Queryable,
  publication: string,
  { there, missing }: { readonly there: boolean; readonly missing: readonly string[] },
): Promise<boolean> {
  const [{ may }] = (await db.query(sql`
    SELECT (SELECT coalesce(bool_and(pg_has_role(c.relowner, 'USAGE')), true)
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname || '.' || c.relname = ANY (${[...missing]})) AND
           CASE WHEN ${there} THEN (SELECT pg_has_role(pubowner, 'USAGE') FROM pg_publication
                                    WHERE pubname = ${publication})
                ELSE has_database_privilege(current_database(), 'CREATE') END AS may`)) as [
    { may: boolean },
  ];
  return may;
}

async function optionsOf(db: Queryable, publication: string): Promise<Options> {
  const [{ row }] = (await db.query(
    sql`SELECT to_jsonb(p) AS row FROM pg_publication p WHERE pubname = ${publication}`,
  )) as [{ row: Options }];
  return row;
}

function optionFindings(publication: string, options: Options): readonly Finding[] {
  const where = `publication ${publication}`;
  const findings: Finding[] = [];
  if (options.puballtables)
    findings.push(
      warning('publication', {
        what: 'it is FOR ALL TABLES: a new table stops capture until it has a contract',
        where,
        fix: `publish the tables by name instead: CREATE PUBLICATION … FOR TABLE …`,
      }),
    );
  return findings;
}

/** The server sends no TRUNCATE of a partition whose changes come under the name of its root. */
function partitionFindings(gathered: readonly string[], where: string): readonly Finding[] {
  if (gathered.length === 0) return [];
  return [
    warning('publication', {
      what: `PostgreSQL does not tell when one partition of ${gathered.join(', ')} is truncated, detached or dropped: its rows stay in the topic and the sinks`,
      where,
      fix: 'DELETE the rows of a partition before it goes, or TRUNCATE the whole table; conductor backfill --compare --table … finds what was left behind',
    }),
  ];
}

async function publishedOf(db: Queryable, publication: string): Promise<readonly Published[]> {
  const rows = (await db.query(
    sql`SELECT to_jsonb(t) || jsonb_build_object('columns',
                 (SELECT coalesce(jsonb_agg(attname), '[]') FROM pg_attribute
                  WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)) AS row
        FROM pg_publication_tables t
        JOIN pg_namespace n ON n.nspname = t.schemaname
        JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
        WHERE t.pubname = ${publication}`,
  )) as readonly { row: Published }[];
  return rows.map(({ row }) => row);
}

/** Filters and lists are somebody's choice: they are told, and held against the contract. */
function partFindings(
  published: readonly Published[],
  contracts: ReadonlyMap<string, TableContract>,
  where: string,
): readonly Finding[] {
  return published.flatMap(({ schemaname, tablename, attnames, rowfilter, columns }) => {
    const table = `${schemaname}.${tablename}`;
    const findings: Finding[] = [];
    if (rowfilter) findings.push(ok('publication', `${table}: only rows WHERE ${rowfilter}`));
    const promised = contracts.get(table)?.columns ?? [];
    const left = promised.filter(
      ({ name }) => attnames && columns.includes(name) && !attnames.includes(name),
    );
    if (left.length > 0)
      findings.push(
        warning('publication', {
          what: `its column list leaves out what the contract of ${table} promises: ${left.map(({ name }) => name).join(', ')}`,
          where,
          fix: 'publish these columns too, or remove them from the contract',
        }),
      );
    return findings;
  });
}
