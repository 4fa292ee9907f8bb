import { sql } from '@databases/pg';
import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { runsAt } from '../../../pipelines/backfill/runs.ts';
import { run } from '../source/own-postgres.ts';
import { type Proxy, proxyTo } from '../way/proxy.ts';
import type { Way } from '../way/way.ts';
import type { Worker } from '../way/worker.ts';
import { brokerBehind, type OwnWay, ownWay, senderOf } from './own-way.ts';

let own: OwnWay;
let way: Way;
let source: Proxy;
let state: Proxy;
let copies: Proxy;
let kafka: Proxy;
let file: string;
let next = 1;

const patiently = { timeout: 60_000, interval: 50 };

beforeAll(async () => {
  own = await ownWay({ wal_sender_timeout: '2s', max_slot_wal_keep_size: '64MB' });
  way = own.way;
  await way.drain('capture');
  const broker = brokerBehind(way.stack.kafka.brokers);
  source = await proxyTo('127.0.0.1', own.postgres.port);
  state = await proxyTo('127.0.0.1', own.postgres.port);
  copies = await proxyTo('127.0.0.1', own.postgres.port);
  kafka = await proxyTo(broker.host, broker.port, broker.rewritten);
  const through = (url: string, { port }: Proxy) => url.replace(/:\d+(?=\/)/, `:${port}`);
  file = await way.variant((raw) => {
    raw.source['url'] = through(way.urls.source, source);
    raw.source['copyFrom'] = through(way.urls.source, copies);
    raw.source['heartbeat'] = 0.02;
    raw.state['url'] = through(way.urls.state, state);
    raw.kafka['brokers'] = [`127.0.0.1:${kafka.port}`];
  });
});

afterAll(async () => {
  for (const proxy of [source, state, copies, kafka]) await proxy?.[Symbol.asyncDispose]();
  await own?.[Symbol.asyncDispose]();
});

/** Something happens, and the slot is told that it is in Kafka and recorded. */
async function acknowledged(): Promise<void> {
  await way.commit(`INSERT INTO notes VALUES (${next++}, 1, 'x')`);
  const [{ lsn }] = await way.source.query(sql`SELECT pg_current_wal_lsn()::text AS lsn`);
  await vi.waitFor(async () => {
    const [slot] = await way.source.query(sql`
      SELECT confirmed_flush_lsn >= ${lsn}::pg_lsn AS told FROM pg_replication_slots WHERE slot_name = ${way.name}`);
    expect(slot).toEqual({ told: true });
  }, patiently);
}

async function gauge(health: string, name: string): Promise<number> {
  const text = await (await fetch(`${health}/metrics`)).text();
  const [, value] = new RegExp(`^${name}\\{pipeline="capture"\\} (\\S+)$`, 'm').exec(text) ?? [];
  return Number(value);
}

test('while heartbeats wait for a source that is gone without a word, capture connects anew and goes on', async () => {
  await using worker = way.start(['run', 'capture'], file);
  await worker.running();
  await acknowledged();
  const { pid } = await senderOf(way);
  source.halfOpen('client');
  await vi.waitFor(async () => {
    const now = await senderOf(way);
    expect([null, pid]).not.toContain(now.pid);
  }, patiently);
  await acknowledged();
  worker.kill('SIGTERM');
  const { code, stderr } = await worker.ended;
  expect(code, stderr).toBe(0);
  expect(stderr).toMatch(/the server has not said anything for \d+ s/);
  expect(stderr).not.toContain('not drained');
});

test('a state database that is gone without a word is named and given up, and capture goes on acknowledging', async () => {
  await using worker = way.start(['run', 'capture'], file);
  await worker.running();
  await acknowledged();
  state.halfOpen('client');
  await acknowledged();
  expect(worker.stderr).toMatch(
    /PostgreSQL says: \S+_state has not answered conductor checkpoints for 15 s.*where: state\.url/,
  );
  expect(worker.stderr).not.toContain(own.postgres.url().split(':')[2]?.split('@')[0]);
  await worker.running();
});

/** Asks for something that waits for a lock; the server's answer then goes to nobody. */
async function unanswered(proxy: Proxy, ask: () => void): Promise<void> {
  const holder = new pg.Client({ connectionString: way.urls.source });
  await holder.connect();
  await holder.query('BEGIN');
  await holder.query('LOCK TABLE notes IN ACCESS EXCLUSIVE MODE');
  ask();
  await vi.waitFor(async () => {
    const waiting = await way.source.query(sql`
      SELECT 1 FROM pg_stat_activity WHERE application_name = 'conductor backfill' AND wait_event_type = 'Lock'`);
    expect(waiting.length).toBeGreaterThan(0);
  }, patiently);
  proxy.halfOpen('client');
  await holder.end();
}

test('a copy from a server that is gone without a word is read again', async () => {
  await using worker = way.start(['run', 'capture'], file);
  await worker.running();
  await using runs = await runsAt(way.urls.state, `${way.name}/${way.name}`);
  await unanswered(copies, () => void runs.request(`${way.name}.notes`, null));
  await vi.waitFor(async () => {
    expect((await runs.all()).map(({ status }) => status)).not.toContain('running');
  }, patiently);
  expect(worker.stderr).toMatch(/a copy beside the stream cannot go on/);
  expect(worker.stderr).toMatch(/says nothing, and does not work on what it was asked/);
});

test('who compares with a server that is gone without a word is told so', async () => {
  await using worker = way.start(['run', 'capture']);
  await worker.running();
  let comparing: Worker | undefined;
  const compare = ['backfill', '--compare', '--table', `${way.name}.notes`];
  await unanswered(source, () => (comparing = way.start(compare, file)));
  const { code, stderr } = await comparing!.ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/says nothing, and does not work on what it was asked/);
  expect(stderr).toMatch(/where: .*\n.*fix: /);
  expect(stderr).not.toContain(own.postgres.url().split(':')[2]?.split('@')[0]);
});

test('what is settled and cannot be recorded shows while it waits', async () => {
  await using worker = way.start(['run', 'capture'], file);
  const health = await worker.running();
  await acknowledged();
  state.stall();
  await way.commit(`INSERT INTO notes VALUES (${next++}, 1, 'x')`);
  await vi.waitFor(
    async () => expect(await gauge(health, 'conductor_unrecorded_seconds')).toBeGreaterThan(1),
    patiently,
  );
  state.flow();
  await vi.waitFor(
    async () => expect(await gauge(health, 'conductor_unrecorded_seconds')).toBeLessThan(1),
    patiently,
  );
});

test('while Kafka is out of reach the WAL that is kept is told, and that it runs out', async () => {
  await using worker = way.start(['run', 'capture'], file);
  const health = await worker.running();
  await acknowledged();
  await kafka.cut();
  await way.commit(`INSERT INTO notes VALUES (${next++}, 1, 'x')`);
  await vi.waitFor(async () => {
    expect(await gauge(health, 'conductor_retries_total')).toBeGreaterThan(1);
  }, patiently);
  const before = await gauge(health, 'conductor_wal_retained_bytes');
  await vi.waitFor(async () => {
    await run(way.source, "SELECT pg_logical_emit_message(false, 'test', repeat('x', 4000000))");
    const [slot] = await way.source.query(sql`
      SELECT (pg_current_wal_lsn() - restart_lsn)::float8 / (safe_wal_size + (pg_current_wal_lsn() - restart_lsn)) > 0.8 AS used
      FROM pg_replication_slots WHERE slot_name = ${way.name}`);
    expect(slot).toEqual({ used: true });
  }, patiently);
  await vi.waitFor(async () => {
    expect(await gauge(health, 'conductor_wal_budget_warning')).toBe(1);
  }, patiently);
  expect(await gauge(health, 'conductor_wal_retained_bytes')).toBeGreaterThan(before + 10_000_000);
  expect(worker.stderr).toContain('the slot has used up most of the WAL');
  await kafka.resume();
  await acknowledged();
});
