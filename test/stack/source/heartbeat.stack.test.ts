import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { background } from '../../../ops/worker/background.ts';
import { heartbeat, heartbeatPrefix } from '../../../pipelines/wal/heartbeat.ts';
import { type OwnPostgres, ownPostgres, run } from './own-postgres.ts';

let server: OwnPostgres; // Quiet but for what these tests do.
const patience = { timeout: 20_000, interval: 20 };

beforeAll(async () => {
  server = await ownPostgres({ settings: { autovacuum: 'off' } });
  await run(
    server.db(),
    'CREATE TABLE things (id int)',
    'CREATE PUBLICATION guests FOR TABLE things',
    'CREATE DATABASE busy',
    "CREATE ROLE guest LOGIN PASSWORD 'secret'",
    "SELECT pg_create_logical_replication_slot('guest', 'pgoutput')",
  );
});

afterAll(() => server?.[Symbol.asyncDispose]());

const beating = (troubles: string[] = [], url = server.url()) =>
  background((signal) => heartbeat(url, 0.02, signal, (what) => void troubles.push(what)));

/** How many heartbeats a reader of the slot would see, and be let to confirm. */
async function beats(): Promise<number> {
  const messages = (await server.db().query(sql`
    SELECT data FROM pg_logical_slot_peek_binary_changes('guest', NULL, NULL,
      'proto_version', '4', 'publication_names', 'guests', 'messages', 'true')`)) as readonly {
    readonly data: Buffer;
  }[];
  return messages.filter(({ data }) => data.toString('latin1').includes(heartbeatPrefix)).length;
}

/** Waits until the heart has looked so many times, whether it beat or not. */
async function looked(times: number): Promise<void> {
  const seen = new Set<string>();
  await vi.waitFor(
    async () => {
      const [session] = await server.db().query(sql`
        SELECT state_change::text AS at FROM pg_stat_activity WHERE application_name = 'conductor heartbeat'`);
      if (session) seen.add(session.at);
      expect(seen.size).toBeGreaterThanOrEqual(times);
    },
    { ...patience, interval: 5 },
  );
}

/** Work in another database, of which the slot hears nothing. */
const busyWork = () =>
  run(
    server.db('busy'),
    'CREATE TABLE IF NOT EXISTS w AS SELECT generate_series(1, 3000) AS n',
    'UPDATE w SET n = n',
  );

test('a server that writes nothing is left alone', async () => {
  await using _ = beating();
  await looked(10);
  const before = await beats();
  await looked(20);
  expect(await beats()).toBe(before);
});

test('where windows wait for the time to pass, a server that writes nothing is beaten all the same', async () => {
  const before = await beats();
  await using _ = background((signal) =>
    heartbeat(server.url(), 0.02, signal, () => {}, 'windows wait'),
  );
  await vi.waitFor(async () => expect(await beats()).toBeGreaterThan(before + 2), patience);
});

test('what others write is answered with a heartbeat that a reader of the slot sees', async () => {
  const before = await beats();
  await using _ = beating();
  await vi.waitFor(async () => {
    await busyWork();
    expect(await beats()).toBeGreaterThan(before);
  }, patience);
});

test('a switch of segments is nothing to answer: the next segment would be archived for it', async () => {
  await using _ = beating();
  await looked(10);
  const before = await beats();
  await run(
    server.db(),
    "SELECT pg_logical_emit_message(false, 'test', 'x')",
    'SELECT pg_switch_wal()',
  );
  await looked(20);
  expect(await beats()).toBe(before);
});

test('who may not write heartbeats is told so once, and the rest goes on', async () => {
  const revoke = (who: string) => `
    REVOKE EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text, boolean) FROM ${who}`;
  await run(server.db(), revoke('PUBLIC'));
  const troubles: string[] = [];
  await using _ = beating(troubles, server.url('postgres', 'guest:secret'));
  await vi.waitFor(async () => {
    await busyWork();
    expect(troubles).toHaveLength(1);
  }, patience);
  await busyWork();
  await looked(20);
  expect(troubles).toEqual([
    expect.stringMatching(
      /may not write heartbeats.*GRANT EXECUTE ON FUNCTION.*source\.heartbeat: 0/,
    ),
  ]);
});

test('0 writes none, and connects to nothing', async () => {
  await heartbeat('postgres://nobody@127.0.0.1:1/none', 0, new AbortController().signal, () => {
    throw new Error('it connected');
  });
});
