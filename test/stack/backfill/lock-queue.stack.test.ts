import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { sql } from '@databases/pg';
import { runsAt } from '../../../pipelines/backfill/runs.ts';
import { expectItemsInTopic } from '../source/arrived.ts';
import { openWay, type Way } from '../way/way.ts';
import { items } from './tables.ts';

const patiently = { timeout: 60_000, interval: 50 };
let way: Way;
let owner: pg.Client;

/** One range, and far more bytes than wait anywhere between the server and Kafka. */
beforeAll(async () => {
  way = await openWay([items]);
  await way.commit(
    `INSERT INTO items SELECT n, 1, n, 'first', repeat('long', 25000) FROM generate_series(1, 600) n`,
  );
  owner = new pg.Client({ connectionString: way.urls.source });
  await owner.connect();
});

afterAll(async () => {
  await owner?.end();
  await way?.[Symbol.asyncDispose]();
});

/** Resolves once a session waits for its lock. */
const queued = () =>
  vi.waitFor(async () => {
    const waiting = await way.source.query(
      sql`SELECT 1 FROM pg_locks WHERE NOT granted AND relation = ${`${way.name}.items`}::regclass`,
    );
    expect(waiting).toHaveLength(1);
  }, patiently);

test('an owner who wants a table for himself waits for no row that is copied and cannot be sent, nor does the stream for him', async () => {
  await using worker = way.start(['run', 'capture'], undefined, {
    CONDUCTOR_FAILPOINT: 'copying=stop',
  });
  await vi.waitFor(async () => {
    const sending = await way.source.query(sql`
      SELECT 1 FROM pg_stat_activity WHERE datname = ${way.name} AND query LIKE 'COPY%' AND wait_event = 'ClientWrite'`);
    expect(sending).toHaveLength(1);
  }, patiently);
  await way.commit('UPDATE items SET n = n + 1'); // The stream needs what it leaves out.
  await owner.query('BEGIN');
  const locked = owner.query('LOCK TABLE items IN ACCESS EXCLUSIVE MODE');
  await queued();
  worker.kill('SIGCONT');
  await locked;
  await owner.query('COMMIT');
  await using runs = await runsAt(way.urls.state, `${way.name}/${way.name}`);
  await vi.waitFor(async () => {
    expect((await runs.all()).map(({ status }) => status)).toEqual(['done']);
  }, patiently);
  worker.kill('SIGTERM');
  const { code, stderr } = await worker.ended;
  expect(code, stderr).toBe(0);
  expect(stderr).not.toContain('trying again');
  await expectItemsInTopic(way, way.source);
});
