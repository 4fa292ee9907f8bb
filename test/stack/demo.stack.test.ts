import { hash, randomBytes } from 'node:crypto';
import { createClient } from '@clickhouse/client';
import { sql } from '@databases/pg';
import neo4j from 'neo4j-driver';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TableContract } from '../../contracts/contract.ts';
import { loadContracts } from '../../contracts/odcs.ts';
import { compare } from '../../ops/demo/compare.ts';
import { createDemoDatabase, openDatabase } from '../../ops/demo/database.ts';
import { loadDemo } from '../../ops/demo/load.ts';
import { graphStore, postgresStore, type Store, warehouseStore } from '../../ops/demo/stores.ts';
import { runTraffic } from '../../ops/demo/traffic.ts';
import type { Stack } from '../../ops/stack/stack.ts';
import type { Row, Value } from '../../schemas/value.ts';
import { warehouse } from '../../sinks/clickhouse.ts';
import { graph } from '../../sinks/neo4j.ts';
import { mirror } from '../../sinks/postgres.ts';
import { changesOf } from '../sinks/changes.ts';
import { servers } from './servers.ts';
import { recording } from '../sinks/taking-changes.ts';

const run = randomBytes(6).toString('hex');
const names = { source: `demo_${run}`, twin: `demo_twin_${run}`, mirror: `demo_mirror_${run}` };
const lane = 9_999; // Of nobody else.
let stack: Stack;
let contracts: readonly TableContract[];
let urls: { readonly source: string; readonly twin: string; readonly mirror: string };

beforeAll(async () => {
  stack = await servers();
  contracts = (await loadContracts('contracts/tables')).map((contract) => ({
    ...contract,
    graph: contract.graph && { ...contract.graph, label: `${contract.graph.label}_${run}` },
  }));
  const source = await createDemoDatabase(stack.postgres, names.source);
  const twin = await createDemoDatabase(stack.postgres, names.twin);
  await admin(sql`CREATE DATABASE ${sql.ident(names.mirror)} TEMPLATE template0 ENCODING 'UTF8'`);
  urls = { source, twin, mirror: source.replace(names.source, names.mirror) };
});

afterAll(async () => {
  for (const name of Object.values(names))
    await admin(sql`DROP DATABASE IF EXISTS ${sql.ident(name)} WITH (FORCE)`);
  const { url, user, password } = stack.clickhouse;
  const client = createClient({ url, username: user, password });
  await client.command({ query: `DROP DATABASE IF EXISTS ${names.mirror}` });
  await client.close();
  await cypher(
    `MATCH (n) WHERE any(label IN labels(n) WHERE label ENDS WITH '_${run}') DETACH DELETE n`,
  );
  const constraints = await cypher(
    `SHOW CONSTRAINTS YIELD name, labelsOrTypes WHERE labelsOrTypes[0] ENDS WITH '_${run}' RETURN name`,
  );
  for (const name of constraints) await cypher(`DROP CONSTRAINT \`${String(name)}\``);
  await cypher(`MATCH (o:CdcOffset) WHERE o.stream ENDS WITH '/${lane}' DELETE o`);
});

async function cypher(query: string): Promise<readonly unknown[]> {
  const { url, user, password } = stack.neo4j;
  await using driver = neo4j.driver(url, neo4j.auth.basic(user, password));
  const { records } = await driver.executeQuery(query);
  return records.map((record) => record.get(0));
}

async function admin(statement: ReturnType<typeof sql>): Promise<void> {
  const { host, port, user, password } = stack.postgres;
  const db = openDatabase(`postgres://${user}:${password}@${host}:${port}/postgres`);
  await db.query(statement);
  await db.dispose();
}

const whole = (name: string, url: string) => postgresStore(name, url, ({ columns }) => columns);

test('the load is the same for the same seed, and leaves what was rolled back out', async () => {
  const changes = await loadDemo(urls.source, { changes: 4_000 });
  expect(await loadDemo(urls.twin, { changes: 4_000 })).toEqual(changes);
  expect(changes.inserts + changes.updates + changes.deletes).toBeGreaterThanOrEqual(4_000);
  expect(changes.deletes).toBeGreaterThan(100);

  const kept = contracts.map((contract) => ({
    ...contract,
    columns: contract.columns.map((column) => ({ ...column, rule: 'keep' as const })),
  }));
  await using source = whole('source', urls.source);
  await using twin = whole('twin', urls.twin);
  const result = await compare({
    contracts: kept,
    source,
    stores: [twin],
    expected: (_, row) => row,
  });
  expect(result.equal, JSON.stringify(result)).toBe(true);
});

test('the comparison finds source, mirror, graph and warehouse equal, and any difference', async () => {
  await using source = whole('source', urls.source);
  const database = names.mirror;
  await using postgres = await mirror({ connectionString: urls.mirror, contracts });
  await using clickhouse = await warehouse({ ...stack.clickhouse, database, contracts });
  await using nodes = await graph({ ...stack.neo4j, contracts });
  let lsn = 2 ** 50; // Newer than what any other run of tests has left in the graph.
  for (const contract of contracts) {
    const { insert } = changesOf(contract);
    const batch = [];
    for await (const row of source.rows(contract))
      if (row) batch.push({ ...insert(++lsn, governed(contract.table, row)), lane });
    const records = batch.map(recording(contracts));
    for (const sink of [postgres, nodes, clickhouse]) await sink.write(records);
  }
  await using copy = postgresStore('mirror', urls.mirror);
  await using house = warehouseStore('warehouse', { ...stack.clickhouse, database }, contracts);
  await using net = graphStore('graph', stack.neo4j, contracts);
  const stores: readonly Store[] = [copy, net, house];

  const before = await compare({ contracts, source, stores, expected: governed });
  expect(before.equal, JSON.stringify(before, null, 1)).toBe(true);

  const db = openDatabase(urls.mirror);
  await db.query(
    sql`UPDATE orders SET amount = amount + 0.01 WHERE id = (SELECT min(id) FROM orders)`,
  );
  await db.query(sql`DELETE FROM order_items WHERE line_no = 3`);
  await db.dispose();
  await cypher(`MATCH (:Order_${run})-[r:PLACED_BY]->() WITH r LIMIT 2 DELETE r`);
  await cypher(`MATCH (n:Product_${run}) WITH n LIMIT 1 REMOVE n._position`);
  const after = await compare({ contracts, source, stores, expected: governed });
  expect(after.equal).toBe(false);
  const found = after.tables.map(({ table, stores: [first] }) => [
    table,
    first?.missing,
    first?.different,
  ]);
  expect(found).toContainEqual(['public.orders', 0, 1]);
  expect(found).toContainEqual(['public.tenants', 0, 0]);
  expect(found.find(([table]) => table === 'public.order_items')?.[1]).toBeGreaterThan(0);
  const inGraph = (table: string) => after.tables.find((each) => each.table === table)?.stores[1];
  expect(inGraph('public.orders')).toMatchObject({ missing: 2, extra: 0, different: 0 });
  expect(inGraph('public.products')).toMatchObject({ missing: 1, extra: 1, different: 0 });
});

test('traffic keeps its pace until it is aborted, and counts what it did', async () => {
  const started = performance.now();
  const { inserts, updates, deletes } = await runTraffic(urls.twin, {
    changesPerMinute: 60_000,
    signal: AbortSignal.timeout(3_000),
    seed: 1,
  });
  const perMinute = ((inserts + updates + deletes) / (performance.now() - started)) * 60_000;
  expect(perMinute).toBeGreaterThan(30_000);
  expect(perMinute).toBeLessThan(75_000);
});

/** Something like governance: what the contracts say, by means that only this test knows. */
function governed(table: string, row: Row): Readonly<Record<string, Value>> {
  const columns = contracts.find((contract) => contract.table === table)?.columns ?? [];
  const out: Record<string, Value> = {};
  for (const { name, rule } of columns) {
    const value = row[name] as Value;
    if (rule === 'keep') out[name] = value;
    if (rule === 'mask') out[name] = value === null ? null : '***';
    if (rule === 'tokenise') out[name] = value === null ? null : hash('sha256', String(value));
  }
  return out;
}
