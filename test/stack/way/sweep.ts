import { createClient } from '@clickhouse/client';
import { sql } from '@databases/pg';
import neo4j from 'neo4j-driver';
import type { TableContract } from '../../../contracts/contract.ts';
import { openDatabase } from '../../../ops/demo/database.ts';
import type { Stack } from '../../../ops/stack/stack.ts';
import { adminOf } from './records.ts';

/** Takes away all that a way has made on the servers that it shares with others. */
export async function sweep(
  stack: Stack,
  name: string,
  contracts: readonly TableContract[],
): Promise<void> {
  await Promise.all([
    sweepPostgres(stack, name),
    sweepKafka(stack, name),
    sweepGraph(stack, contracts),
    sweepWarehouse(stack, name),
  ]);
}

async function sweepPostgres({ postgres }: Stack, name: string): Promise<void> {
  const { host, port, user, password } = postgres;
  const db = openDatabase(`postgres://${user}:${password}@${host}:${port}/postgres`);
  try {
    await db.query(sql`
      SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots
      WHERE database = ${name} AND active_pid IS NOT NULL`);
    await db.query(
      sql`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = ${name}`,
    );
    for (const database of [name, `${name}_state`, `${name}_mirror`])
      await db.query(sql`DROP DATABASE IF EXISTS ${sql.ident(database)} WITH (FORCE)`);
    const roles = (await db.query(
      sql`SELECT rolname AS role FROM pg_roles WHERE starts_with(rolname, ${name})`,
    )) as readonly { readonly role: string }[];
    for (const { role } of roles) await db.query(sql`DROP ROLE ${sql.ident(role)}`);
  } finally {
    await db.dispose();
  }
}

async function sweepKafka(stack: Stack, name: string): Promise<void> {
  await using admin = await adminOf(stack);
  const topics = (await admin.listTopics()).filter((topic) => topic.split('.')[1] === name);
  if (topics.length > 0) await admin.deleteTopics({ topics, timeout: 15_000 });
  const { groups } = await admin.listGroups();
  const own = groups.map(({ groupId }) => groupId).filter((id) => id.startsWith(`${name}.`));
  if (own.length > 0) await admin.deleteGroups(own).catch(() => {}); // A killed member is known for 10 s.
  for (const topic of topics)
    await fetch(`${stack.registry.url}/subjects/${topic}-value`, { method: 'DELETE' });
}

async function sweepGraph({ neo4j: server }: Stack, contracts: readonly TableContract[]) {
  await using driver = neo4j.driver(server.url, neo4j.auth.basic(server.user, server.password));
  for (const { table, graph } of contracts) {
    if (!graph) continue;
    await driver.executeQuery(`MATCH (n:\`${graph.label}\`) DETACH DELETE n`);
    await driver.executeQuery('MATCH (t:CdcTombstone) WHERE t.pk STARTS WITH $table DELETE t', {
      table,
    });
    await driver.executeQuery('MATCH (o:CdcOffset) WHERE o.stream STARTS WITH $table DELETE o', {
      table,
    });
  }
  const { records } = await driver.executeQuery(
    'SHOW CONSTRAINTS YIELD name, labelsOrTypes WHERE labelsOrTypes[0] IN $labels RETURN name',
    { labels: contracts.map(({ graph }) => graph?.label ?? '') },
  );
  for (const record of records)
    await driver.executeQuery(`DROP CONSTRAINT \`${String(record.get('name'))}\``);
}

async function sweepWarehouse({ clickhouse }: Stack, name: string): Promise<void> {
  const { url, user, password } = clickhouse;
  const client = createClient({ url, username: user, password });
  try {
    await client.command({ query: `DROP DATABASE IF EXISTS ${name}` });
  } finally {
    await client.close();
  }
}
