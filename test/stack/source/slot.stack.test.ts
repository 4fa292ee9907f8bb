import { sql } from '@databases/pg';
import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Finding } from '../../../ops/readiness/finding.ts';
import { checkSlot } from '../../../ops/readiness/slot.ts';
import type { Checkpoint } from '../../../pipelines/wal/checkpoint.ts';
import { Sender } from '../../../pipelines/wal/sender.ts';
import { identify, lookAtServer } from '../../../pipelines/wal/server.ts';
import { parseLsn } from '../../../schemas/lsn.ts';
import { type OwnPostgres, ownPostgres, run } from './own-postgres.ts';
import { Stream } from './prepared.ts';

let server: OwnPostgres;
let session: pg.Client;

beforeAll(async () => {
  server = await ownPostgres({ settings: { max_prepared_transactions: 5 } });
  await run(server.db(), 'CREATE TABLE things (id int PRIMARY KEY)');
  session = new pg.Client({ connectionString: server.url() });
  await session.connect();
});

afterAll(async () => {
  await session?.end();
  await server?.[Symbol.asyncDispose]();
});

/** What `conductor check` says of the slot, which knew of one checkpoint at first, and of another when it had seen the slot. */
async function checked({ settings }: Stream, before: Checkpoint | null, now = before) {
  const db = server.db();
  const known = {
    checkpoint: before,
    captured: new Set<number>(),
    now: () => Promise.resolve(now),
  };
  await using sender = await Sender.connect(settings.url);
  const identity = await identify(sender);
  const found = await checkSlot(db, { settings, server: await lookAtServer(db), known, identity });
  return found.filter(({ check }) => check === 'slot');
}

async function warned(stream: Stream): Promise<readonly Finding[]> {
  return (await checked(stream, null)).filter(({ outcome }) => outcome === 'warning');
}

test('transactions that hold up the creation of a slot are named, by conductor check and by who waits for them', async () => {
  const stream = new Stream({ url: server.url() });
  expect(await warned(stream)).toEqual([]);
  await session.query('BEGIN');
  await session.query('INSERT INTO things VALUES (1)');
  await session.query("PREPARE TRANSACTION 'it''s held'");
  await session.query('BEGIN');
  await session.query('INSERT INTO things VALUES (2)');
  await session.query('SAVEPOINT within');
  await session.query('INSERT INTO things VALUES (3)');
  const { rows } = await session.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const pid = rows[0]!.pid;

  const preparing = stream.prepare();
  const waiting = vi.waitFor(() => expect(stream.waitedFor).toHaveLength(1), { timeout: 15_000 });
  await Promise.race([waiting, preparing]); // A failure is said at once.
  await waiting;
  const [held] = stream.waitedFor;
  const database = 'role postgres, database postgres, for';
  expect(held?.what).toMatch(
    new RegExp(
      `transaction that is open has ended: the prepared transaction it's held \\(${database} \\d+ s\\); server process ${pid} \\(${database} \\d+ s\\)$`,
    ),
  );
  expect(held?.where).toBe('replication slot guest');
  expect(held?.fix).toBe(
    `wait for them, commit them, or end them: ROLLBACK PREPARED 'it''s held'; SELECT pg_terminate_backend(${pid})`,
  );
  const [finding, ...others] = await warned(new Stream({ url: server.url(), slot: 'another' }));
  expect(others).toEqual([]);
  expect(finding).toMatchObject({ where: 'replication slot another', fix: held?.fix });

  await session.query('COMMIT');
  await session.query("ROLLBACK PREPARED 'it''s held'");
  expect((await preparing).created).toBe(true);
  expect(stream.waitedFor).toHaveLength(1);
});

test('a worker that runs beside conductor check is not taken for something else that advances the slot', async () => {
  const stream = new Stream({ url: server.url(), slot: 'beside' });
  const { from } = await stream.prepare();
  await run(server.db(), 'INSERT INTO things VALUES (7)');
  const [{ end }] = (await server.db().query(sql`
    SELECT end_lsn::text AS end
    FROM pg_replication_slot_advance('beside', pg_current_wal_flush_lsn())`)) as [{ end: string }];
  const now = { ...from, lsn: parseLsn(end) };
  expect(await checked(stream, from, now)).toMatchObject([{ outcome: 'ok' }]);
  expect(await checked(stream, from)).toMatchObject([
    { outcome: 'failed', what: expect.stringContaining('by something else') },
  ]);
});
