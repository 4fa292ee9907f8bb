import { randomBytes } from 'node:crypto';
import { type ConnectionPool, sql } from '@databases/pg';
import { openDatabase } from '../../ops/demo/database.ts';
import type { Stack } from '../../ops/stack/stack.ts';
import { servers } from './servers.ts';

/** Databases of a test's own on the PostgreSQL that tests share; disposing of them leaves nothing behind. */
export interface OwnDatabases<Name extends string> extends AsyncDisposable {
  readonly server: Stack['postgres'];
  readonly role: string; // Which nobody else has; it goes, too.
  urlOf(name: Name, password?: string): string;
  run<T>(name: Name, work: (db: ConnectionPool) => Promise<T>): Promise<T>;
  /** All that a setup for capture would change on the server, as the catalogs have it. */
  catalogs(name: Name): Promise<unknown>;
}

export const raw = (text: string) => sql`${sql.__dangerous__rawValue(text)}`;

export async function ownDatabases<Name extends string>(
  names: readonly Name[],
): Promise<OwnDatabases<Name>> {
  const { postgres: server } = await servers();
  const run = randomBytes(5).toString('hex');
  const databaseOf = (name: string) => `init_${name}_${run}`;
  const at = (database: string, password = server.password) =>
    `postgres://${server.user}:${password}@${server.host}:${server.port}/${database}`;
  const role = `init_${run}`;
  const admin = openDatabase(at('postgres'));
  for (const name of names)
    await admin.query(
      sql`CREATE DATABASE ${sql.ident(databaseOf(name))} TEMPLATE template0 ENCODING 'UTF8'`,
    );

  const inDatabase = async <T>(name: Name, work: (db: ConnectionPool) => Promise<T>) => {
    const db = openDatabase(at(databaseOf(name)));
    try {
      return await work(db);
    } finally {
      await db.dispose();
    }
  };

  return {
    server,
    role,
    urlOf: (name, password) => at(databaseOf(name), password),
    run: inDatabase,
    catalogs: (name) => inDatabase(name, (db) => db.query(everything)),
    async [Symbol.asyncDispose]() {
      for (const name of names)
        await admin.query(sql`DROP DATABASE IF EXISTS ${sql.ident(databaseOf(name))} WITH (FORCE)`);
      await admin.query(sql`DROP ROLE IF EXISTS ${sql.ident(role)}`);
      await admin.dispose();
    },
  };
}

const everything = sql`
  SELECT (SELECT json_agg(r ORDER BY r.rolname) FROM pg_roles r) AS roles,
         (SELECT json_agg(a.rolpassword ORDER BY a.rolname) FROM pg_authid a) AS passwords,
         (SELECT json_agg(p) FROM pg_publication p) AS publications,
         (SELECT json_agg(s.slot_name) FROM pg_replication_slots s) AS slots,
         (SELECT json_agg(f) FROM pg_file_settings f) AS settings,
         (SELECT json_agg(d.datacl ORDER BY d.oid) FROM pg_database d) AS databases,
         (SELECT json_agg(n.nspacl ORDER BY n.oid) FROM pg_namespace n
          WHERE n.nspname !~ '^pg_(toast_)?temp') AS schemas,
         (SELECT json_agg(json_build_array(c.oid, c.relreplident, c.relacl) ORDER BY c.oid)
          FROM pg_class c) AS tables`;
