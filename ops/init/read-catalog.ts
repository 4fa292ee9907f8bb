import databases, { type Queryable, sql } from '@databases/pg';
import { CannotRun, publicUrl } from '../../contracts/cannot-run.ts';
import { postgresLogin } from '../../contracts/postgres-login.ts';
import { postgresUrl } from '../../contracts/setting-forms.ts';
import { postgresTrouble } from '../../pipelines/wal/postgres-trouble.ts';
import { type Catalog, release } from './catalog.ts';
import { readRelations } from './read-relations.ts';
import { readServer } from './read-server.ts';

/** The setting by which errors name the database. */
export const sourceFlag = '--source';

const oldest = 140_000;
const patienceMs = 10_000;

/** Reads the catalogs of a database, and nothing else of it, in one transaction that cannot write. */
export async function readCatalog(
  url: string,
  role: string | null,
  setting = sourceFlag,
): Promise<Catalog> {
  checkUrl(url);
  const db = databases.default({
    ...postgresLogin(url),
    applicationName: 'conductor init',
    poolSize: 1,
    bigIntMode: 'number',
    connectionTimeoutMilliseconds: patienceMs,
    onError: () => {},
  });
  try {
    return await db.tx(
      async (tx) => {
        checkVersion(await versionOf(tx), url);
        const server = await readServer(tx, role);
        await takeSearchPath(tx, server.role.name);
        return { server, relations: await readRelations(tx) };
      },
      { readOnly: true, isolationLevel: databases.IsolationLevel.REPEATABLE_READ },
    );
  } catch (error) {
    throw error instanceof CannotRun ? error : postgresTrouble(error, setting, url);
  } finally {
    await db.dispose();
  }
}

/** Refuses what is no address of a PostgreSQL database. */
export function checkUrl(url: string): void {
  const result = postgresUrl.safeParse(url);
  if (result.success) return;
  throw new CannotRun({
    what: `expected ${result.error.issues[0]?.message ?? 'a PostgreSQL URL'}`,
    where: `${sourceFlag} = ${publicUrl(url)}`,
    fix: 'conductor init --source postgres://user:password@host:5432/name; spell special characters of the password as %40 and so on',
  });
}

/** Refuses a server whose catalogs and replication are not those that Conductor knows. */
export function checkVersion(version: number, url: string): void {
  if (version >= oldest) return;
  throw new CannotRun({
    what: `the server is PostgreSQL ${release(version)}, older than 14`,
    where: `${sourceFlag} = ${publicUrl(url)}`,
    fix: 'upgrade the server to PostgreSQL 14 or newer, or name another database',
  });
}

async function versionOf(tx: Queryable): Promise<number> {
  const [{ version }] = (await tx.query(
    sql`SELECT current_setting('server_version_num')::int AS version`,
  )) as [{ version: number }];
  return version;
}

/** A type's name tells its schema where the search path lacks it, and capture will have the path of its own role. */
async function takeSearchPath(tx: Queryable, role: string): Promise<void> {
  await tx.query(sql`
    SELECT set_config('search_path', replace(coalesce(
      (SELECT substr(line, length('search_path=') + 1)
       FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS line
       WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
         AND s.setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = ${role}))
         AND line LIKE 'search_path=%'
       ORDER BY s.setrole = 0, s.setdatabase = 0 LIMIT 1),
      (SELECT CASE WHEN source IN ('default', 'configuration file') THEN setting ELSE boot_val END
       FROM pg_settings WHERE name = 'search_path')),
      '"$user"', quote_ident(${role})), true)`);
}
