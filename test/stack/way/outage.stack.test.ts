import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Config, loadConfig } from '../../../contracts/config.ts';
import { kafkaPart } from '../../../ops/stack/kafka-part.ts';
import { compareAll } from '../../../ops/start/demo.ts';
import { untilSettled } from '../../../ops/start/settled.ts';
import { parseLsn } from '../../../schemas/lsn.ts';
import { ownServer } from './own-server.ts';
import { type Proxy, proxyTo } from './proxy.ts';
import { openWay, type Way } from './way.ts';
import type { Worker } from './worker.ts';

type Server = 'source' | 'state' | 'mirror' | 'graph' | 'warehouse';

let way: Way;
let worker: Worker;
let url: string;
let proxies: Readonly<Record<Server, Proxy>>;
let next = 1;

beforeAll(async () => {
  way = await openWay();
  const { postgres, neo4j, clickhouse } = way.stack;
  const before = (server: string) =>
    proxyTo(new URL(server).hostname, Number(new URL(server).port));
  proxies = {
    source: await proxyTo(postgres.host, postgres.port),
    state: await proxyTo(postgres.host, postgres.port),
    mirror: await proxyTo(postgres.host, postgres.port),
    graph: await before(neo4j.url),
    warehouse: await before(clickhouse.url),
  };
  const through = (server: Server, address: string) =>
    address.replace(/:\d+(?=\/|$)/, `:${proxies[server].port}`);
  const file = await way.variant(({ source, state, sinks }) => {
    source['url'] = through('source', way.urls.source);
    state['url'] = through('state', way.urls.state);
    sinks.postgres['url'] = through('mirror', way.urls.mirror);
    sinks.neo4j['url'] = through('graph', neo4j.url);
    sinks.clickhouse['url'] = through('warehouse', clickhouse.url);
  });
  worker = way.start(['run', 'all'], file);
  url = await worker.running();
});

afterAll(async () => {
  for (const proxy of Object.values(proxies ?? {})) await proxy[Symbol.asyncDispose]();
  await way?.[Symbol.asyncDispose]();
});

async function retries(pipeline: string, at = url): Promise<number> {
  const text = await (await fetch(`${at}/metrics`)).text();
  const [, count] =
    new RegExp(`^conductor_retries_total\\{pipeline="${pipeline}"\\} (\\d+)$`, 'm').exec(text) ??
    [];
  return Number(count);
}

async function happen(): Promise<void> {
  const id = next++;
  await way.commit(
    `INSERT INTO people VALUES (${id}, 7, ${id}, 'n', 'e', 'p', 'm', repeat('bio', 5000))`,
    `INSERT INTO lines VALUES (${id}, 1, 7, ${id}, now(), NULL)`,
    `UPDATE people SET mood = 'other' WHERE id <= ${id}`,
  );
}

test.for<readonly [string, ...(readonly [Server, string])[]]>([
  ['the source', ['source', 'capture']],
  ['the state database', ['state', 'capture']],
  [
    'mirror, graph and warehouse',
    ['mirror', 'deliver-postgres'],
    ['graph', 'deliver-neo4j'],
    ['warehouse', 'deliver-clickhouse'],
  ],
])('%s, lost in mid-run, is waited out, visibly, and all arrives', async ([, ...lost]) => {
  await happen();
  const before = await Promise.all(lost.map(([, pipeline]) => retries(pipeline)));
  for (const [server] of lost) await proxies[server].cut();
  await happen();
  await vi.waitFor(
    async () => {
      for (const [at, [, pipeline]] of lost.entries())
        expect(await retries(pipeline)).toBeGreaterThan((before[at] ?? 0) + 1);
      expect((await fetch(`${url}/healthz`)).status).toBe(503);
    },
    { timeout: 30_000, interval: 50 },
  );
  for (const [, pipeline] of lost)
    expect(worker.stderr).toMatch(
      new RegExp(`"level":40.*"pipeline":"${pipeline}".*"lost a server; trying again"`),
    );
  await happen();
  for (const [server] of lost) await proxies[server].resume();

  const signal = AbortSignal.timeout(60_000);
  await untilSettled(way.config, way.contracts, { report: () => {}, signal });
  const comparison = await way.compare();
  expect(comparison.equal, JSON.stringify(comparison, null, 1)).toBe(true);
  await worker.running();
  expect(worker.stderr).not.toContain(way.stack.postgres.password);
});

async function head(): Promise<bigint> {
  const [row] = await way.source.query(sql`SELECT pg_current_wal_insert_lsn()::text AS lsn`);
  return parseLsn(String(row?.lsn));
}

/** What the slot was told, and what the checkpoint says. */
async function acknowledged({ database, source: { slot } }: Config): Promise<readonly bigint[]> {
  const [told] = await way.source.query(
    sql`SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = ${slot}`,
  );
  const [kept] = await way.state.query(
    sql`SELECT lsn FROM cdc_offsets WHERE stream = ${`${database}/${slot}`}`,
  );
  return [told, kept].map((row) => parseLsn(String(row?.lsn)));
}

test('a broker that is killed in mid-run is waited out, visibly, and all arrives', async () => {
  await using broker = await ownServer(kafkaPart);
  const { kafka } = await broker.start();
  const file = await way.variant((raw) => {
    raw.kafka['brokers'] = kafka.brokers;
    Object.assign(raw.source, { slot: `${way.name}_own` });
    const { postgres } = raw.sinks;
    Object.assign(raw, { sinks: { postgres } });
  });
  const config = await loadConfig(file);
  const equal = async () => {
    const signal = AbortSignal.timeout(60_000);
    await untilSettled(config, way.contracts, { report: () => {}, signal });
    const comparison = await compareAll(config, way.contracts);
    expect(comparison.equal, JSON.stringify(comparison, null, 1)).toBe(true);
  };
  await using own = way.start(['run', 'all'], file);
  const health = await own.running();
  await happen();
  await equal();

  await broker.kill();
  const before = await head();
  await happen();
  await vi.waitFor(
    async () => {
      for (const pipeline of ['capture', 'govern', 'deliver-postgres'])
        expect(await retries(pipeline, health)).toBeGreaterThan(1);
    },
    { timeout: 40_000, interval: 100 },
  );
  for (const lsn of await acknowledged(config)) expect(lsn).toBeLessThanOrEqual(before); // No more than Kafka has.
  await broker.start();
  await equal();
  expect((await fetch(`${health}/healthz`)).status).toBe(200);
});
