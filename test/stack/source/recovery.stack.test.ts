import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type WalBudget, watchBudget } from '../../../pipelines/wal/wal-budget.ts';
import { lsnText } from '../../../schemas/lsn.ts';
import { lsnOf } from './follower.ts';
import { type OwnPostgres, ownPostgres, run } from './own-postgres.ts';
import { Stream, streamName } from './prepared.ts';

let server: OwnPostgres;
let restored: OwnPostgres; // The server as it was before anything was captured.
let foreign: OwnPostgres;
let stream: Stream;

const table = 'CREATE TABLE things (id int PRIMARY KEY)';
const current = 'pg_current_wal_flush_lsn()';

beforeAll(async () => {
  server = await ownPostgres({ settings: { max_slot_wal_keep_size: '256MB', wal_keep_size: 0 } });
  await run(server.db(), table, 'CHECKPOINT');
  restored = await ownPostgres({ copyOf: await server.copy() });
  foreign = await ownPostgres();
  await run(foreign.db(), table);
  stream = new Stream({ url: server.url() });
});

afterAll(async () => {
  for (const each of [foreign, restored, server]) await each?.[Symbol.asyncDispose]();
});

/** Leaves a segment of WAL behind, almost empty. */
const segment = () =>
  run(server.db(), "SELECT pg_logical_emit_message(false, 'test', 'x')", 'SELECT pg_switch_wal()');

const slots = (of: OwnPostgres) =>
  of.db().query(sql`SELECT slot_name, wal_status FROM pg_replication_slots`);

async function captureAll(of: OwnPostgres): Promise<bigint> {
  const lsn = await lsnOf(of, current);
  await stream.captured(lsn);
  await run(of.db(), `SELECT pg_replication_slot_advance('guest', '${lsnText(lsn)}')`);
  return lsn;
}

test('a new stream gets a slot, and is new until something was captured', async () => {
  const first = await stream.prepare();
  expect(first).toMatchObject({ created: true, recovery: null, protocol: 4, standby: false });
  expect(first.serverVersion).toBeGreaterThanOrEqual(180_000);
  expect(first.senderTimeoutMs).toBe(60_000);
  const again = await stream.prepare();
  expect(again.created).toBe(true);
  expect(again.from).toEqual(first.from);
  const lsn = await captureAll(server);
  expect(await stream.prepare()).toMatchObject({ created: false, from: { lsn } });
});

test('an older protocol may be asked for, and twoPhase only of a slot that was created so', async () => {
  expect((await stream.prepare({ protocol: 2 })).protocol).toBe(2);
  const refused = stream.prepare({ twoPhase: true });
  await expect(refused).rejects.toThrow(/created without two_phase, and source\.twoPhase is true/);
  await expect(refused).rejects.toThrow(/fix: .*source\.twoPhase: false, or .*source\.slot/);
  await expect(stream.prepare({ twoPhase: true, protocol: 2 })).rejects.toThrow(
    /protocol 2 does not have prepared transactions/,
  );
});

test('a slot that is to tell of prepared transactions is created so, and not read otherwise', async () => {
  const two = new Stream({ url: server.url(), slot: 'two', twoPhase: true });
  expect(await two.prepare()).toMatchObject({ created: true, protocol: 4 });
  const [slot] = await server
    .db()
    .query(sql`SELECT two_phase, failover FROM pg_replication_slots WHERE slot_name = 'two'`);
  expect(slot).toEqual({ two_phase: true, failover: true });
  await expect(two.prepare({ twoPhase: false })).rejects.toThrow(
    /created with two_phase, and source\.twoPhase is false/,
  );
  await run(server.db(), "SELECT pg_drop_replication_slot('two')");
});

test('a slot that was advanced by something else is refused, and begun anew by who chooses it', async () => {
  const captured = await captureAll(server);
  await run(
    server.db(),
    'INSERT INTO things VALUES (1)',
    `SELECT pg_replication_slot_advance('guest', ${current})`,
  );
  await expect(stream.prepare()).rejects.toThrow(/advanced to \S+ by something else/);
  expect(stream.told).toEqual([]);
  const begun = await stream.prepare({ recover: 'resnapshot' });
  expect(begun).toMatchObject({ created: true, recovery: 'resnapshot', from: { era: 1 } });
  expect(begun.from.lsn).toBeGreaterThan(captured);
  expect(stream.told.splice(0)).toMatchObject([
    { recover: 'resnapshot', slot: 'guest', lostFrom: lsnText(captured) },
  ]);
});

test('the budget is used up as WAL is kept, and somebody is warned with the time left', async () => {
  await captureAll(server);
  await run(server.db(), 'CHECKPOINT');
  const seen: WalBudget[] = [];
  const warned: WalBudget[] = [];
  await using _ = watchBudget({
    url: server.url(),
    slot: 'guest',
    everySeconds: 0.05,
    seen: (budget) => void seen.push(budget),
    warn: (budget) => void warned.push(budget),
  });
  await vi.waitFor(() => expect(seen.length).toBeGreaterThan(0));
  expect(seen[0]?.budgetBytes).toBeGreaterThanOrEqual(256 * 1024 * 1024);
  expect(seen[0]?.usedRatio).toBeLessThan(0.5);
  while (warned.length === 0 && seen.length < 1_000) {
    await segment();
    const before = seen.length;
    await vi.waitFor(() => expect(seen.length).toBeGreaterThan(before + 1));
  }
  expect(warned).toHaveLength(1);
  expect(warned[0]?.usedRatio).toBeGreaterThanOrEqual(0.8);
  expect(warned[0]?.secondsLeft).toBeGreaterThan(0);
  expect(warned[0]?.secondsLeft).toBeLessThan(60);
});

test('a slot that the server has lost stops the stream and stays as it is, until somebody chooses', async () => {
  await vi.waitFor(
    async () => {
      await segment();
      await run(server.db(), 'CHECKPOINT');
      expect(await slots(server)).toEqual([{ slot_name: 'guest', wal_status: 'lost' }]);
    },
    { timeout: 30_000, interval: 50 },
  );
  const refused = stream.prepare();
  await expect(refused).rejects.toThrow(/has invalidated the slot \(wal_removed\)/);
  await expect(refused).rejects.toThrow(
    /fix: .*--recover resnapshot \(.*copy the tables anew\), or --recover repair .*--recover stop, the default/,
  );
  expect(await slots(server)).toEqual([{ slot_name: 'guest', wal_status: 'lost' }]);

  const begun = await stream.prepare({ recover: 'repair' });
  expect(begun).toMatchObject({ created: true, recovery: 'repair' });
  expect(await slots(server)).toEqual([{ slot_name: 'guest', wal_status: 'reserved' }]);
  expect(stream.told.splice(0)).toMatchObject([{ recover: 'repair' }]);
  // Who dies before the copy repairs after the restart, whatever is said then; unless it is another way.
  expect(await stream.prepare()).toMatchObject({ created: true, recovery: 'repair' });
  const other = await stream.prepare({ recover: 'resnapshot' });
  expect(other).toMatchObject({ created: true, recovery: 'resnapshot' });
  expect(stream.told).toEqual([]);
});

test('another server is refused, and its slot of the same name is nobody of ours to drop', async () => {
  await captureAll(server);
  const refused = stream.prepare({ url: foreign.url() });
  await expect(refused).rejects.toThrow(/belongs to server \d+, but source\.url leads to server/);
  await expect(refused).rejects.toThrow(/fix: .*if source\.url should lead elsewhere, correct it/);

  await run(foreign.db(), "SELECT pg_create_logical_replication_slot('guest', 'pgoutput')");
  await expect(stream.prepare({ url: foreign.url(), recover: 'resnapshot' })).rejects.toThrow(
    /a slot guest is there, but nothing says that it is ours/,
  );
  expect(await slots(foreign)).toHaveLength(1);
  await run(foreign.db(), "SELECT pg_drop_replication_slot('guest')");
  expect(stream.told).toEqual([]);

  const home = await stream.known();
  const begun = await stream.prepare({ url: foreign.url(), recover: 'resnapshot' });
  expect(begun).toMatchObject({ created: true, from: { timeline: 1, era: home.era + 1 } });
  expect(begun.from.system).not.toBe(home.system);
  stream.told.length = 0;
  await stream.checkpoints.write(streamName, home);
});

test('a server that was restored to an earlier time is refused; positions that begin anew are of a new era', async () => {
  const { lsn, era } = await stream.known();
  await expect(stream.prepare({ url: restored.url() })).rejects.toThrow(
    new RegExp(`WAL ends at \\S+, before the checkpoint at ${lsnText(lsn)}: it was restored`),
  );
  const begun = await stream.prepare({ url: restored.url(), recover: 'resnapshot' });
  expect(begun).toMatchObject({ created: true, from: { timeline: 1, era: era + 1 } });
  expect(begun.from.lsn).toBeLessThan(lsn);
});
