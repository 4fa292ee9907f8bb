import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import databases, { sql } from '@databases/pg';
import neo4j from 'neo4j-driver';
import { publicUrl } from '../../contracts/cannot-run.ts';
import type { Config } from '../../contracts/config.ts';
import { postgresLogin } from '../../contracts/postgres-login.ts';
import { postgresTrouble } from '../../pipelines/wal/postgres-trouble.ts';
import { failed, type Finding, looking, ok } from './finding.ts';

type Sinks = Config['sinks'];

/** Looks whether each sink that is configured lets us in. */
export async function checkSinks({ sinks }: Config): Promise<readonly Finding[]> {
  const { postgres, neo4j: graph, clickhouse } = sinks;
  const where = (name: string, url: string) => `sinks.${name}.url = ${publicUrl(url)}`;
  const findings = await Promise.all([
    postgres ? looking('mirror', where('postgres', postgres.url), () => checkMirror(postgres)) : [],
    graph ? looking('graph', where('neo4j', graph.url), () => checkGraph(graph)) : [],
    clickhouse
      ? looking('warehouse', where('clickhouse', clickhouse.url), () => checkWarehouse(clickhouse))
      : [],
  ]);
  return findings.flat();
}

async function checkMirror({ url }: NonNullable<Sinks['postgres']>): Promise<readonly Finding[]> {
  const login = postgresLogin(url);
  const db = databases.default({ ...login, poolSize: 1, bigIntMode: 'string', onError: () => {} });
  try {
    const [{ role, writable }] = (await db.query(sql`
      SELECT current_user AS role, current_setting('transaction_read_only') = 'off' AND
             has_database_privilege(current_database(), 'CREATE') AS writable`)) as [
      { role: string; writable: boolean },
    ];
    if (writable) return [ok('mirror', publicUrl(url))];
    return [
      failed('mirror', {
        what: `role ${role} may not create schemas and tables there`,
        where: `sinks.postgres.url = ${publicUrl(url)}`,
        fix: `GRANT CREATE ON DATABASE … TO "${role}"; or the database is read-only: give its primary`,
      }),
    ];
  } catch (error) {
    throw postgresTrouble(error, 'sinks.postgres.url', url);
  } finally {
    await db.dispose();
  }
}

async function checkGraph({
  url,
  user,
  password,
  database,
}: NonNullable<Sinks['neo4j']>): Promise<readonly Finding[]> {
  const driver = neo4j.driver(url, neo4j.auth.basic(user, password), {
    connectionTimeout: 5_000,
    maxTransactionRetryTime: 0,
  });
  try {
    await driver.verifyConnectivity({ database });
    return [ok('graph', publicUrl(url))];
  } finally {
    await driver.close();
  }
}

async function checkWarehouse({
  url,
  user,
  password,
}: NonNullable<Sinks['clickhouse']>): Promise<readonly Finding[]> {
  const client = createClient({
    url,
    username: user,
    password,
    request_timeout: 10_000,
    log: { level: ClickHouseLogLevel.OFF },
  });
  try {
    const answer = await client.ping({ select: true }); // A plain ping asks for no password.
    if (!answer.success) throw answer.error;
    // Who takes a lane looks there for what others still write.
    await client.command({ query: 'SELECT count() FROM system.processes' });
    return [ok('warehouse', publicUrl(url))];
  } finally {
    await client.close();
  }
}
