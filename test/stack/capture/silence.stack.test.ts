import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { checkpointsAt } from '../../../pipelines/wal/checkpoint.ts';
import { type Proxy, proxyTo } from '../way/proxy.ts';
import type { Way } from '../way/way.ts';
import { type Judge, judgeOf } from './judge.ts';
import { brokerBehind, type OwnWay, ownWay, senderOf } from './own-way.ts';
import { printSeed, seed } from './seed.ts';
import { type Writer, writerTo } from './workload.ts';

const timeoutMs = 2_000; // Of the server: whoever is silent for so long is taken for dead.

let own: OwnWay;
let way: Way;
let judge: Judge;
let writer: Writer;
let source: Proxy;
let kafka: Proxy;
let file: string;

const patiently = { timeout: 60_000, interval: 50 };

beforeAll(async () => {
  printSeed();
  own = await ownWay({ wal_sender_timeout: `${timeoutMs}ms` });
  way = own.way;
  await way.drain('capture');
  judge = await judgeOf(way);
  writer = await writerTo(way.urls.source, { seed, schema: way.name });
  const broker = brokerBehind(way.stack.kafka.brokers);
  source = await proxyTo('127.0.0.1', own.postgres.port);
  kafka = await proxyTo(broker.host, broker.port, broker.rewritten);
  file = await way.variant((raw) => {
    raw.source['url'] = way.urls.source.replace(/:\d+(?=\/)/, `:${source.port}`);
    raw.kafka['brokers'] = [`127.0.0.1:${kafka.port}`];
  });
});

afterAll(async () => {
  await writer?.[Symbol.asyncDispose]();
  await source?.[Symbol.asyncDispose]();
  await kafka?.[Symbol.asyncDispose]();
  await own?.[Symbol.asyncDispose]();
});

const gone = () => vi.waitFor(async () => expect((await senderOf(way)).pid).toBe(null), patiently);
const there = () =>
  vi.waitFor(async () => expect((await senderOf(way)).pid).not.toBe(null), patiently);

/** Lets a worker come to an end that is in Kafka, whatever its log was when it was told to stop. */
async function settled(): Promise<void> {
  await writer.run(5);
  await way.drain('capture');
  await judge.judge();
}

test('a worker that is stopped for longer than wal_sender_timeout goes on where it was', async () => {
  await using worker = way.start(['run', 'capture'], file);
  await worker.running();
  await writer.run(10);
  worker.kill('SIGSTOP');
  await writer.run(20);
  await gone();
  worker.kill('SIGCONT');
  await there();
  await writer.run(10);
  await worker.running();
  worker.kill('SIGTERM');
  expect((await worker.ended).code).toBe(0);
  await settled();
});

test('a worker that is stopped when Kafka has all, and the checkpoint does not know, sends it again', async () => {
  const before = await judge.judge();
  await using worker = way.start(['run', 'capture'], file, {
    CONDUCTOR_FAILPOINT: 'produced=stop',
  });
  await there();
  await writer.run(10);
  await gone();
  worker.kill('SIGCONT');
  await there();
  worker.kill('SIGTERM');
  await worker.ended;
  await settled();
  const after = await judge.judge();
  expect(after.once.length).toBeGreaterThan(before.once.length);
});

test('a worker that awakes when another has gone on takes nothing of it back', async () => {
  const recorded = async () => (await checkpoints.read(stream))?.lsn ?? 0n;
  const stream = `${way.name}/${way.name}`;
  await using checkpoints = await checkpointsAt(way.urls.state);
  await using worker = way.start(['run', 'capture'], file, {
    CONDUCTOR_FAILPOINT: 'checkpointing=stop',
  });
  await there();
  await writer.run(5);
  await gone();
  await writer.run(5);
  await way.drain('capture');
  const other = await recorded();
  worker.kill('SIGCONT');
  await there(); // It has come to rest before, and what it had to record with it.
  expect(await recorded()).toBeGreaterThanOrEqual(other);
  await worker.running();
  worker.kill('SIGTERM');
  expect((await worker.ended).code).toBe(0);
  await settled();
});

test('while Kafka takes nothing for longer than wal_sender_timeout the connection to the source lives', async () => {
  await using worker = way.start(['run', 'capture'], file);
  await worker.running();
  await there(); // It runs before it has begun to read.
  await writer.run(5);
  const before = await senderOf(way);
  kafka.stall();
  await writer.run(150);
  const { heard } = await senderOf(way);
  await vi.waitFor(async () => {
    const now = await senderOf(way);
    expect(now.pid).toBe(before.pid);
    expect(now.heard - heard).toBeGreaterThan((2 * timeoutMs) / 1_000);
  }, patiently);
  kafka.flow();
  await writer.run(5);
  await worker.running();
  expect((await senderOf(way)).pid).toBe(before.pid);
  worker.kill('SIGTERM');
  expect((await worker.ended).code).toBe(0);
  await settled();
});

test('a broker that accepts and never answers is given up with its fix, and healed; the source hears of us meanwhile', async () => {
  const impatient = await way.variant((raw) => {
    raw.source['url'] = way.urls.source.replace(/:\d+(?=\/)/, `:${source.port}`);
    Object.assign(raw.kafka, { brokers: [`127.0.0.1:${kafka.port}`], requestTimeout: 1 });
  });
  await using worker = way.start(['run', 'capture'], impatient);
  const url = await worker.running();
  await there(); // It runs before it has begun to read.
  await writer.run(5);
  const before = await senderOf(way);
  kafka.stall();
  await writer.run(20);
  const { heard } = await senderOf(way);
  await vi.waitFor(async () => {
    const now = await senderOf(way);
    expect(now.pid).toBe(before.pid);
    expect(now.heard - heard).toBeGreaterThan((2 * timeoutMs) / 1_000);
  }, patiently);
  await vi.waitFor(async () => {
    expect(worker.stderr).toMatch(
      /"level":40.*was not written in \d tries: .*timed out.*where: .*kafka\.brokers.*fix: +see what the brokers log.*"lost a server; trying again"/,
    );
    expect((await fetch(`${url}/healthz`)).status).toBe(503);
  }, patiently);
  await gone(); // Ours, and not by the server's timeout: what cannot be passed on is not fetched.
  kafka.flow();
  await there();
  await writer.run(5);
  await worker.running();
  worker.kill('SIGTERM');
  const { code, stderr } = await worker.ended;
  expect(code, stderr).toBe(0);
  await settled();
});

test.for(['client', 'server'] as const)(
  'a connection of which only the %s is left is given up, and another made',
  async (left) => {
    await using worker = way.start(['run', 'capture'], file);
    await worker.running();
    await there(); // It runs before it has begun to read.
    await writer.run(5);
    const { pid } = await senderOf(way);
    source.halfOpen(left);
    await writer.run(20);
    await vi.waitFor(async () => {
      const now = await senderOf(way);
      expect([null, pid]).not.toContain(now.pid);
    }, patiently);
    await writer.run(5);
    worker.kill('SIGTERM');
    const { code, stderr } = await worker.ended;
    expect(code, stderr).toBe(0);
    if (left === 'client') expect(stderr).toMatch(/the server has not said anything for \d+ s/);
    await settled();
  },
);

test('bytes that come one by one, late, cut and again are the same changes', async () => {
  await using worker = way.start(['run', 'capture'], file);
  await worker.running();
  source.pace({ bytes: 1, ms: 0 });
  await writer.run(2);
  await there();
  source.pace({ bytes: 700, ms: 1 });
  kafka.pace({ bytes: 900, ms: 1 });
  await writer.run(10);
  for (const proxy of [source, kafka, source]) {
    await proxy.cut();
    await writer.run(3);
    await proxy.resume();
    await there();
  }
  source.pace(null);
  kafka.pace(null);
  worker.kill('SIGTERM');
  await worker.ended;
  await settled();
});
