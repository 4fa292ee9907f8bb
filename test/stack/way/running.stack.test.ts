import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openDatabase } from '../../../ops/demo/database.ts';
import { lagOf } from '../../../ops/lag.ts';
import { untilSettled } from '../../../ops/start/settled.ts';
import { walEnd } from '../../../pipelines/wal/server.ts';
import { lsnText, parseLsn } from '../../../schemas/lsn.ts';
import { proxyTo } from './proxy.ts';
import { openWay, type Way } from './way.ts';

let way: Way;

beforeAll(async () => {
  way = await openWay();
  await way.drain('capture');
});

afterAll(() => way?.[Symbol.asyncDispose]());

const many = (from: number, to: number) =>
  `INSERT INTO marks SELECT n, 7, n FROM generate_series(${from}, ${to}) AS n`;

/** The value of a metric of a pipeline, as Prometheus would read it. */
async function metric(url: string, name: string, pipeline: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(`${name}{pipeline="${pipeline}"}`));
  return Number(line?.split(' ')[1] ?? Number.NaN);
}

async function settled(): Promise<void> {
  const signal = AbortSignal.timeout(60_000);
  await untilSettled(way.config, way.contracts, { report: () => {}, signal });
}

test('SIGTERM to a busy worker drains and exits 0 within 10 s, and nothing is lost or doubled', async () => {
  await using worker = way.start(['run', 'all']);
  const url = await worker.running();
  await way.commit(many(1, 20_000));
  await vi.waitFor(
    async () =>
      expect(await metric(url, 'conductor_settled_total', 'govern')).toBeGreaterThan(3_000),
    { timeout: 60_000, interval: 20 },
  );
  worker.kill('SIGTERM');
  const startedMs = performance.now();
  const { code, stderr } = await worker.ended;
  expect([code, stderr.includes('draining')]).toEqual([0, true]);
  expect(performance.now() - startedMs).toBeLessThan(10_000);

  await way.drain();
  const comparison = await way.compare();
  expect(comparison.equal, JSON.stringify(comparison, null, 1)).toBe(true);
  expect(comparison.tables.find(({ table }) => table.endsWith('marks'))?.sourceRows).toBe(20_000);
});

test('a worker answers for its health and its metrics, and for nothing else', async () => {
  await using worker = way.start(['run', 'capture', 'govern', 'deliver']);
  const url = await worker.running();
  await way.commit(many(200_001, 200_050), 'DELETE FROM marks WHERE id > 200040');
  await settled();

  const pipelines = [
    'capture',
    'govern',
    'deliver-postgres',
    'deliver-neo4j',
    'deliver-clickhouse',
  ].map((pipeline) => ({
    pipeline,
    settled: 60,
    refused: 0,
    running: true,
    oldestMs: 0,
    unrecordedMs: 0,
  }));
  // A broker knows what is recorded a moment before the worker has its answer.
  await vi.waitFor(async () => {
    const health = await fetch(`${url}/healthz`);
    expect(health.status).toBe(200);
    expect(await health.json()).toEqual({ healthy: true, pipelines });
  });
  const text = await (await fetch(`${url}/metrics`)).text();
  expect(text).toContain('conductor_settled_total{pipeline="capture"} 60\n');
  expect(text).toContain('conductor_retries_total{pipeline="govern"} 0\n');
  expect(text).toContain('conductor_running{pipeline="deliver-neo4j"} 1\n');
  expect(text).toContain('conductor_in_flight_changes{pipeline="deliver-postgres"} 0\n');
  expect((await fetch(`${url}/`)).status).toBe(404);
});

test('conductor lag --json tells what waits before each stage, and nothing once it is settled', async () => {
  await way.commit(many(300_001, 300_100));
  const lag = async () => {
    const { code, stdout, stderr } = await way.start(['lag', '--json']).ended;
    expect([code, stderr]).toEqual([0, '']);
    return JSON.parse(stdout);
  };
  const behind = await lag();
  expect(behind.capture.bytes).toBeGreaterThan(100 * 50);
  expect(parseLsn(behind.capture.head)).toBeGreaterThan(parseLsn(behind.capture.durable));
  expect(parseLsn(behind.capture.acknowledged)).toBeLessThanOrEqual(
    parseLsn(behind.capture.durable),
  );
  expect(behind.capture.seconds).toBeGreaterThan(0);

  await way.drain('capture');
  const captured = await lag();
  expect(captured.stages).toEqual([
    { pipeline: 'govern', changes: 100, again: 0 },
    { pipeline: 'deliver-postgres', changes: 0, again: 0 },
    { pipeline: 'deliver-neo4j', changes: 0, again: 0 },
    { pipeline: 'deliver-clickhouse', changes: 0, again: 0 },
  ]);
  expect(parseLsn(captured.capture.durable)).toBeGreaterThanOrEqual(parseLsn(behind.capture.head));
  expect(captured.capture.acknowledged).toBe(lsnText(parseLsn(captured.capture.durable)));
  await way.drain('govern', 'deliver');
  const done = await lag();
  expect(done.stages.map(({ changes }: { readonly changes: number }) => changes)).toEqual([
    0, 0, 0, 0,
  ]);
});

test('what passes from one stage to the next while lag is looked at is behind one of them', async () => {
  await way.drain();
  await using worker = way.start(['run', 'capture']);
  await worker.running();
  const { host, port } = way.stack.postgres;
  await using proxy = await proxyTo(host, port);
  const state = { url: way.urls.state.replace(`${host}:${port}`, `${host}:${proxy.port}`) };
  const { contracts } = way;
  proxy.stall();
  const looked = lagOf({ ...way.config, state }, contracts);
  await vi.waitFor(() => expect(proxy.connections()).toBeGreaterThan(0));
  await way.commit(many(600_001, 600_010));
  const head = await walEnd(way.source);
  await vi.waitFor(
    async () =>
      expect(parseLsn((await lagOf(way.config, contracts)).capture.durable)).toBeGreaterThanOrEqual(
        head,
      ),
    { timeout: 10_000 },
  );
  proxy.flow();
  const { capture, stages } = await looked;
  expect(parseLsn(capture.durable)).toBeGreaterThanOrEqual(head);
  expect(stages[0]).toEqual({ pipeline: 'govern', changes: 10, again: 0 });
});

test('a second SIGTERM stops a worker at once that cannot drain', async () => {
  const mirror = openDatabase(way.urls.mirror);
  await mirror.tx(async (tx) => {
    await tx.query(sql`LOCK TABLE ${sql.ident(way.name, 'marks')} IN EXCLUSIVE MODE`);
    await using worker = way.start(['run', 'capture', 'govern', 'deliver-postgres']);
    const url = await worker.running();
    await way.commit(many(400_001, 400_100));
    await vi.waitFor(
      async () =>
        expect(
          await metric(url, 'conductor_in_flight_changes', 'deliver-postgres'),
        ).toBeGreaterThan(0),
      { timeout: 30_000, interval: 50 },
    );
    worker.kill('SIGTERM');
    await vi.waitFor(() => expect(worker.stderr).toContain('draining'), { timeout: 5_000 });
    const inFlight = metric(url, 'conductor_in_flight_changes', 'deliver-postgres');
    expect(await inFlight).toBeGreaterThan(0); // It waits for the mirror.
    // What comes at once with the first is the first, sent on by a launcher.
    const again = setInterval(() => worker.kill('SIGTERM'), 50);
    const startedMs = performance.now();
    expect((await worker.ended).code).toBe(143);
    clearInterval(again);
    expect(performance.now() - startedMs).toBeLessThan(1_000);
  });
  await mirror.dispose();
});
