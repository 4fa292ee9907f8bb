import { randomBytes } from 'node:crypto';
import kafkajs from 'kafkajs';
import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { changesTopic } from '../../../contracts/topics.ts';
import { runsAt } from '../../../pipelines/backfill/runs.ts';
import { clientOf, readAll } from '../way/records.ts';
import { openWay, type Way } from '../way/way.ts';
import type { Worker } from '../way/worker.ts';
import { items, people } from './tables.ts';

const patience = { timeout: 30_000, interval: 100 };
let way: Way;
let worker: Worker;

beforeAll(async () => {
  way = await openWay([items, people]);
  await way.commit(
    `INSERT INTO items SELECT n, n % 7, n, md5(n::text), NULL FROM generate_series(1, 2000) n`,
    `INSERT INTO "Pe""ople s" SELECT n, n % 7, n, 'e' || n, NULL FROM generate_series(1, 2001) n`,
  );
  const file = await way.variant(({ source }) => (source['compareRows'] = 2000));
  worker = way.start(['run', 'capture'], file);
  await worker.running();
});

afterAll(() => way?.[Symbol.asyncDispose]());

/** Waits until the metric says of `items`, and of nothing else, whether it differs. */
const told = (value: 0 | 1) =>
  vi.waitFor(async () => {
    const metrics = await (await fetch(`${await worker.running()}/metrics`)).text();
    const lines = metrics.split('\n').filter((line) => line.startsWith('conductor_copy_differs{'));
    expect(lines, worker.stderr).toEqual([
      `conductor_copy_differs{pipeline="capture",table="${way.name}.items"} ${value}`,
    ]);
  }, patience);

test('a first copy is compared beside the stream once it is done, unless it is too large', async () => {
  await told(0);
  await using runs = await runsAt(way.urls.state, `${way.name}/${way.name}`);
  const all = await runs.all();
  const of = (name: string) => all.find(({ table }) => table === `${way.name}.${name}`);
  expect(of('items')).toMatchObject({
    rows: 2000,
    compared: { equal: true, partial: false, source: { rows: 2000 }, topic: { rows: 2000 } },
  });
  expect(of('Pe"ople s')).toMatchObject({ rows: 2001, compared: null });
  expect(worker.stderr).toMatch(/"rows":2001.*source.compareRows is less/);
});

test('what differs is warned of, in the log and in a metric', async () => {
  const topic = changesTopic(way.name, `${way.name}.items`);
  const last = (await readAll(way.stack, [topic])).findLast(({ key }) => key !== null)!;
  const producer = clientOf(way.stack).producer();
  await producer.connect();
  await producer.send({
    topic,
    compression: kafkajs.CompressionTypes.None,
    messages: [{ key: randomBytes(4), value: last.value, partition: last.partition }],
  });
  await producer.disconnect();
  const asked = await way.start(['backfill', '--table', `${way.name}.items`]).ended;
  expect(asked.code, asked.stderr).toBe(0);
  await told(1);
  expect(worker.stderr).toMatch(
    /"level":40.*"missing":0,"extra":1,"different":0.*the table and its topic differ/,
  );
});

test('who stops does not wait for a comparison', async () => {
  await using runs = await runsAt(way.urls.state, `${way.name}/${way.name}`);
  const comparedOf = async (id: number) => (await runs.one(id))?.compared ?? null;
  /** Copies the table and stops the worker while it is compared; null if it was compared before it could be held. */
  const stopped = async (): Promise<number | null> => {
    const id = await runs.request(`${way.name}.items`, null);
    await vi.waitFor(async () => expect((await runs.one(id))?.status).toBe('done'), {
      ...patience,
      interval: 20,
    });
    return way.source.tx(async (tx) => {
      await tx.query(sql`LOCK TABLE items`); // What compares it waits, and would for as long as this is held.
      const isHeld = await vi.waitFor(async () => {
        if (await comparedOf(id)) return false;
        const [{ count }] = await way.source.query(sql`
          SELECT count(*)::int AS count FROM pg_locks WHERE relation = 'items'::regclass AND NOT granted`);
        expect(count, worker.stderr).toBe(1);
        return true;
      }, patience);
      if (!isHeld) return null;
      worker.kill('SIGTERM');
      expect(await worker.ended).toMatchObject({ code: 0 });
      return id;
    });
  };
  let id = await stopped();
  while (id === null) id = await stopped();
  expect(worker.stderr).not.toContain('not drained in 10 s');
  expect(await comparedOf(id)).toBe(null);
});
