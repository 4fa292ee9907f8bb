import databases, { type ConnectionPool, isSQLError, sql } from '@databases/pg';
import type { Stack } from '../stack/stack.ts';
import { schema } from './schema.ts';

/** Creates the demo shop where it is not there yet; gives its connection string. */
export async function createDemoDatabase(
  server: Stack['postgres'],
  database = 'shop',
): Promise<string> {
  const maintenance = openDatabase(urlOf(server, 'postgres'));
  try {
    await maintenance.query(
      sql`CREATE DATABASE ${sql.ident(database)} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`,
    );
  } catch (error) {
    if (!isSQLError(error) || error.code !== '42P04') throw error; // It is there already.
  } finally {
    await maintenance.dispose();
  }

  const url = urlOf(server, database);
  const shop = openDatabase(url);
  try {
    await shop.tx(async (tx) => {
      for (const statement of schema) await tx.query(statement);
    });
  } finally {
    await shop.dispose();
  }
  return url;
}

/** A pool of few connections that show every time in UTC. */
export function openDatabase(connectionString: string): ConnectionPool {
  return databases.default({
    connectionString,
    applicationName: 'conductor demo',
    poolSize: 2,
    bigIntMode: 'bigint',
    onError: () => {}, // An idle connection that breaks is replaced; a busy one rejects its query.
  });
}

function urlOf({ host, port, user, password }: Stack['postgres'], database: string): string {
  const login = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
  return `postgres://${login}@${host}:${port}/${encodeURIComponent(database)}`;
}
