import { type ConnectionPool, isSQLError, type Queryable, sql, SQLErrorCode } from '@databases/pg';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { sqlName } from '../../contracts/sql-name.ts';
import { lookAtOwnerWrites } from './owner-writes.ts';
import { publicationFaults, type Published, type Publishing } from './publication.ts';
import type { Server } from './server.ts';
import type { TableFault } from './tables.ts';

/** Creates the publication, or adds the tables that gained a contract. What inherits from one of them needs its own. */
export async function ensurePublication(
  db: Queryable,
  publication: string,
  { found, generated, standby }: Publish & { readonly standby: boolean },
): Promise<void> {
  const [fault] = publicationFaults(found, publication);
  if (fault) throw new CannotRun(fault);
  if (found.missing.length > 0) await publish(db, publication, { found, generated, standby });
}

async function publish(
  db: Queryable,
  publication: string,
  { found, generated, standby }: Publish & { readonly standby: boolean },
): Promise<void> {
  const { there, missing } = found;
  const refuse = (what: string, who: string): never => {
    throw new CannotRun({
      what,
      where: `publication ${publication}`,
      fix: `${who}: ${publishText(publication, { found, generated })}`,
    });
  };
  if (standby)
    refuse(`a standby cannot be told to publish ${missing.join(', ')}`, 'on the primary');
  const tables = sql.join(
    missing.map((table) => sql`ONLY ${identifier(table)}`),
    ', ',
  );
  const name = sqlName(publication);
  const statement = there
    ? sql`ALTER PUBLICATION ${name} ADD TABLE ${tables}`
    : sql`CREATE PUBLICATION ${name} FOR TABLE ${tables} WITH (${sql.__dangerous__rawValue(options(generated))})`;
  await db.query(statement).catch((error: unknown) => {
    if (!isSQLError(error) || error.code !== SQLErrorCode.INSUFFICIENT_PRIVILEGE) throw error;
    refuse(`the role may not publish ${missing.join(', ')}`, 'as their owner');
  });
}

/** What is found, and whether what is made is to have stored generated columns. */
interface Publish {
  readonly found: Published;
  readonly generated: boolean;
}

/** The statement that publishes what is missing, for someone who may. */
export const publishText = (
  publication: string,
  { found: { there, missing }, generated }: Publish,
): string =>
  there
    ? `ALTER PUBLICATION ${publication} ADD TABLE ${missing.join(', ')}`
    : `CREATE PUBLICATION ${publication} FOR TABLE ${missing.join(', ')} WITH (${options(generated)})`;

const options = (generated: boolean): string =>
  `publish_via_partition_root = true${generated ? ', publish_generated_columns = stored' : ''}`;

function identifier(table: string) {
  const dot = table.indexOf('.');
  return sqlName(table.slice(0, dot), table.slice(dot + 1));
}

/**
 * Publishes in mid-stream what is contracted, there, and not published. Nobody is there to ask, so only a
 * publication of the role's own is touched. Returns why others stay as they are.
 */
export async function republish(
  db: ConnectionPool,
  publishing: Publishing,
  found: Published,
  { version, standby }: Pick<Server, 'version' | 'standby'>,
): Promise<readonly TableFault[]> {
  const { publication } = publishing;
  const { missing } = found;
  const { kept, faults, generated } = await lookAtOwnerWrites(db, publishing, { missing, version });
  const left = faults.filter(({ table }) => kept.includes(table));
  const may = !standby && (await isOurs(db, publication));
  for (const table of missing.filter((each) => !kept.includes(each))) {
    const only = { found: { ...found, missing: [table] }, generated };
    const leave = (what: string, fix: string) =>
      void left.push({ table, what, where: `publication ${publication}`, fix });
    if (!may)
      leave(
        found.there ? 'it is not in the publication' : 'the publication is gone',
        `as the owner${standby ? ', on the primary' : ''}: ${publishText(publication, only)}`,
      );
    else
      try {
        await db.tx(async (tx) => {
          await tx.query(sql`SET LOCAL lock_timeout = '3s'`); // Others' locks are waited for, but nobody behind us for long.
          await publish(tx, publication, { ...only, standby });
        });
      } catch (error) {
        if (isSQLError(error) && error.code === SQLErrorCode.LOCK_NOT_AVAILABLE)
          leave('somebody holds it locked', 'none: it is tried again');
        else if (error instanceof CannotRun) leave(error.trouble.what, error.trouble.fix);
        else throw error;
      }
  }
  return left;
}

/** Whether a publication is the role's, be it as a member of its owner. That a superuser may change all makes nothing its own. */
async function isOurs(db: Queryable, publication: string): Promise<boolean> {
  const [found] = (await db.query(sql`
    SELECT p.pubowner = r.oid OR NOT r.rolsuper AND pg_has_role(p.pubowner, 'USAGE') AS ours
    FROM pg_publication p, pg_roles r
    WHERE p.pubname = ${publication} AND r.rolname = current_user`)) as readonly {
    readonly ours: boolean;
  }[];
  return found?.ours ?? false;
}
