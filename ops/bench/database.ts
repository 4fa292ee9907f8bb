import databases, { type ConnectionPool } from '@databases/pg';

/** Opens a database for some work, one connection wide, and closes it whatever comes of it. */
export async function withDatabase<T>(
  url: string,
  work: (db: ConnectionPool) => Promise<T>,
): Promise<T> {
  const db = databases.default({
    connectionString: url,
    applicationName: 'conductor bench',
    poolSize: 1,
    bigIntMode: 'string',
    onError: () => {}, // A server that is taken down breaks idle connections; a query rejects by itself.
  });
  try {
    return await work(db);
  } finally {
    await db.dispose();
  }
}
