import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { NotNow } from '../../../contracts/cannot-run.ts';
import { lsnText } from '../../../schemas/lsn.ts';
import { follower, inStep, lsnOf, promote } from './follower.ts';
import { type OwnPostgres, ownPostgres, run } from './own-postgres.ts';
import { Stream, streamName } from './prepared.ts';

let primary: OwnPostgres;
let standby: OwnPostgres;
let late: OwnPostgres;
let stream: Stream;
let captured: bigint;

/** Stands in for a worker: all that is committed on the primary is captured, and the slot is told. */
async function captureAll(): Promise<void> {
  await stream.captured(await lsnOf(primary, 'pg_current_wal_flush_lsn()'));
  const { lsn } = await stream.known();
  await run(primary.db(), `SELECT pg_replication_slot_advance('guest', '${lsnText(lsn)}')`);
}

/** Captures all, and has a standby keep the slot. */
const into = (server: OwnPostgres) => async () => {
  await captureAll();
  await run(server.db(), 'SELECT pg_sync_replication_slots()');
};

beforeAll(async () => {
  primary = await ownPostgres();
  await run(
    primary.db(),
    'CREATE TABLE things (id int PRIMARY KEY)',
    "SELECT pg_create_physical_replication_slot('follower', true)",
    "SELECT pg_create_physical_replication_slot('late', true)",
    'CHECKPOINT',
  );
  const copy = await primary.copy();
  standby = await follower(primary, copy, { slot: 'follower', worker: 'off' });
  late = await follower(primary, copy, { slot: 'late', worker: 'off' });
  stream = new Stream({ url: primary.url() });
});

afterAll(async () => {
  for (const server of [late, standby, primary]) await server?.[Symbol.asyncDispose]();
});

test('a new slot is one that standbys keep', async () => {
  expect(await stream.prepare()).toMatchObject({ created: true, standby: false });
  const [slot] = await primary
    .db()
    .query(sql`SELECT failover FROM pg_replication_slots WHERE slot_name = 'guest'`);
  expect(slot).toEqual({ failover: true });
});

test('a slot of before follows the setting, without being made anew', async () => {
  const failover = async () => {
    const [slot] = await primary
      .db()
      .query(sql`SELECT failover FROM pg_replication_slots WHERE slot_name = 'guest'`);
    return slot.failover;
  };
  await stream.prepare({ failover: false });
  expect(await failover()).toBe(false);
  await stream.prepare();
  expect(await failover()).toBe(true);
});

test('a slot that is kept on a standby is not read before the promotion, but waited for', async () => {
  await run(primary.db(), 'INSERT INTO things VALUES (1)');
  await inStep({ primary, standby }, 'guest', into(standby));
  const early = stream.prepare({ url: standby.url() });
  await expect(early).rejects.toThrow(/kept on this standby for a promotion, and cannot be read/);
  await expect(early).rejects.toBeInstanceOf(NotNow);
});

test('a standby can be captured through a slot of its own, which is no failover slot', async () => {
  const own = new Stream({ url: standby.url(), slot: 'own' });
  const waiting = own.prepare();
  await vi.waitFor(
    async () => {
      await run(primary.db(), 'SELECT pg_log_standby_snapshot()'); // What a new slot there waits for.
      const [slot] = await standby
        .db()
        .query(
          sql`SELECT failover, confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'own'`,
        );
      expect(slot).toMatchObject({
        failover: false,
        confirmed_flush_lsn: expect.stringMatching('/'),
      });
    },
    { timeout: 20_000, interval: 100 },
  );
  expect(await waiting).toMatchObject({ created: true, standby: true });
  expect(await own.prepare()).toMatchObject({ created: true, standby: true });
  await run(standby.db(), "SELECT pg_drop_replication_slot('own')");
});

test('what a standby does not publish is to be published on the primary', async () => {
  const other = new Stream({ url: standby.url(), slot: 'own', publication: 'others' });
  await expect(other.prepare()).rejects.toThrow(
    /a standby cannot be told to publish public\.things\n.*\n  fix:   on the primary: CREATE PUBLICATION others FOR TABLE public\.things/,
  );
});

test('after the promotion the stream goes on from its checkpoint, on the new timeline', async () => {
  await inStep({ primary, standby: late }, 'guest', into(late));
  await late.kill(); // What comes now it never has.
  await run(primary.db(), 'INSERT INTO things VALUES (2)');
  await inStep({ primary, standby }, 'guest', into(standby));
  captured = (await stream.known()).lsn;
  await primary.kill();
  await promote(standby);

  const prepared = await stream.prepare({ url: standby.url() });
  expect(prepared).toMatchObject({
    created: false,
    standby: false,
    from: { lsn: captured, timeline: 2, era: 0 },
  });
  await run(standby.db(), 'INSERT INTO things VALUES (3)');
  expect((await stream.prepare({ url: standby.url() })).from.lsn).toBe(captured);
});

test('a standby that was promoted without what was captured is refused, and said to have forked before', async () => {
  await late.start();
  await promote(late);
  const refused = stream.prepare({ url: late.url() });
  await expect(refused).rejects.toThrow(
    /timeline 2 of the server forked from timeline 1 at \S+, before the checkpoint at \S+: what was captured after the fork never happened there/,
  );
  await expect(refused).rejects.toThrow(/--recover resnapshot .*--recover repair .*--recover stop/);
  expect(stream.told).toEqual([]);
});

test('the old primary that comes back is refused once the stream went on elsewhere', async () => {
  const { from } = await stream.prepare({ url: standby.url() });
  const known = await stream.known();
  await stream.checkpoints.write(streamName, { ...from, lsn: captured + 1n });
  await primary.start();
  await expect(stream.prepare({ url: primary.url() })).rejects.toThrow(
    /written on timeline 2, which the server, now on timeline 1, never went through/,
  );
  await stream.checkpoints.write(streamName, known);
});

test('who chooses it begins anew on the timeline that forked before, and is told what is lost', async () => {
  const prepared = await stream.prepare({ url: late.url(), recover: 'repair' });
  expect(prepared).toMatchObject({
    created: true,
    recovery: 'repair',
    from: { timeline: 2, era: 1 },
  });
  expect(stream.told).toMatchObject([{ recover: 'repair', slot: 'guest' }]);
  expect(stream.told[0]?.why).toMatch(/forked from timeline 1/);
  expect((await stream.prepare({ url: late.url() })).created).toBe(true); // Until something is captured.
});
