import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { kafkaPart } from '../../../ops/stack/kafka-part.ts';
import { ownServer, type OwnServer } from '../way/own-server.ts';
import type { Way } from '../way/way.ts';
import type { Worker } from '../way/worker.ts';
import { type Judge, judgeOf } from './judge.ts';
import { type OwnWay, ownWay, senderOf } from './own-way.ts';
import { caughtUp } from './progress.ts';
import { printSeed, seed } from './seed.ts';
import { truthOf } from './truth.ts';
import { type Writer, writerTo } from './workload.ts';

const patiently = { timeout: 60_000, interval: 50 };

let own: OwnWay;
let way: Way;
let judge: Judge;

beforeAll(async () => {
  printSeed();
  own = await ownWay({ max_prepared_transactions: '20' });
  way = own.way;
});

afterAll(() => own?.[Symbol.asyncDispose]());

const writing = (more = 0): Promise<Writer> =>
  writerTo(way.urls.source, { seed: seed + more, schema: way.name });

const stopped = async (worker: Worker) => {
  worker.kill('SIGTERM');
  expect((await worker.ended).code).toBe(0);
};

const sending = () =>
  vi.waitFor(async () => {
    const { pid } = await senderOf(way);
    expect(pid).not.toBe(null);
    return pid;
  }, patiently);

test('a server that is stopped at once in the copy of its tables is waited for, and all is copied', async () => {
  {
    await using writer = await writing();
    await writer.run(150);
  }
  await using worker = way.start(['run', 'capture'], undefined, {
    CONDUCTOR_FAILPOINT: 'copying:2=stop',
  });
  await vi.waitFor(async () => {
    const [{ running } = { running: 0 }] = (await way.state.query(
      sql`SELECT count(*)::int AS running FROM cdc_backfills WHERE status = 'running'`,
    )) as readonly { readonly running: number }[];
    expect(running).toBeGreaterThan(0);
  }, patiently);
  await own.postgres.kill();
  worker.kill('SIGCONT');
  await vi.waitFor(() => expect(worker.stderr).toContain('lost a server; trying again'), patiently);
  await own.postgres.start();
  await sending();
  await stopped(worker);
  await way.drain('capture');
  expect((await truthOf(way)).faults).toEqual([]);
  judge = await judgeOf(way);
});

test('a server that is stopped at once in mid-stream loses nothing and doubles nothing', async () => {
  await using worker = way.start(['run', 'capture']);
  await sending();
  for (let crash = 0; crash < 1; crash++) {
    {
      await using writer = await writing(10 + crash);
      await writer.run(30);
    }
    await own.postgres.kill();
    await own.postgres.start();
    await sending();
  }
  await stopped(worker);
  await way.drain('capture');
  await judge.judge();
});

test('a sender that is terminated again and again is asked again', async () => {
  await using writer = await writing(20);
  await using worker = way.start(['run', 'capture']);
  for (let end = 0; end < 2; end++) {
    const pid = await sending();
    await writer.run(10);
    await way.source.query(sql`SELECT pg_terminate_backend(${pid})`);
    await vi.waitFor(async () => expect((await senderOf(way)).pid).not.toBe(pid), patiently);
    await writer.run(10);
  }
  await sending();
  await stopped(worker);
  await way.drain('capture');
  await judge.judge();
});

/** A broker that forgets who wrote as soon as nobody writes. */
const forgetful = {
  ...kafkaPart,
  async prepare(setting: Parameters<typeof kafkaPart.prepare>[0]) {
    const launch = await kafkaPart.prepare(setting);
    const forgetting = [
      'producer.id.expiration.ms=1',
      'producer.id.expiration.check.interval.ms=50',
    ];
    return {
      ...launch,
      args: [...launch.args, ...forgetting.flatMap((each) => ['--override', each])],
    };
  },
};

test('a broker that is killed, and one that forgets who wrote, has every change once', async () => {
  await using broker: OwnServer = await ownServer(forgetful);
  const { kafka } = await broker.start();
  const slot = `${way.name}_own`;
  const file = await way.variant((raw) => {
    raw.kafka['brokers'] = kafka.brokers;
    Object.assign(raw.source, { slot, snapshot: 'never' });
  });
  const drained = async () => {
    const { code, stderr } = await way.start(['run', 'capture', '--until-current'], file).ended;
    expect(code, stderr).toBe(0);
  };
  await drained();
  const there = { ...way, name: way.name, stack: { ...way.stack, kafka } } as Way;
  const ownJudge = await judgeOf(there, slot);
  await using writer = await writing(30);
  await using worker = way.start(['run', 'capture'], file);
  await worker.running();
  for (let kill = 0; kill < 1; kill++) {
    await writer.run(20);
    await broker.kill();
    await writer.run(20);
    await broker.start();
    await caughtUp(way, slot).catch((cause: unknown) => {
      throw new Error(`capture has not caught up, and said: ${worker.stderr}`, { cause });
    });
    await writer.run(20);
  }
  await stopped(worker);
  await drained();
  const { once } = await ownJudge.judge({ uncompared: [...way.contracts.keys()] });
  expect(once.length).toBeGreaterThan(100);
});
