import { randomBytes } from 'node:crypto';
import { createClient } from '@clickhouse/client';
import { servers } from '../servers.ts';

/** A database of ClickHouse for one test, which is dropped after it. */
export async function freshWarehouse() {
  const { clickhouse: server } = await servers();
  const database = `test_${randomBytes(6).toString('hex')}`;
  const client = createClient({
    url: server.url,
    username: server.user,
    password: server.password,
  });
  const select = async <T>(query: string): Promise<T[]> => {
    const result = await client.query({ query, format: 'JSONEachRow' });
    return result.json<T>();
  };
  const close = async () => {
    await client.command({ query: `DROP DATABASE IF EXISTS ${database}` });
    await client.close();
  };
  const command = (query: string) => client.command({ query });
  return { at: { ...server, database }, select, command, [Symbol.asyncDispose]: close };
}
