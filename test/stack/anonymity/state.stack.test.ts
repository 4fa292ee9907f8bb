import { randomBytes } from 'node:crypto';
import { type ConnectionPool, sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openDatabase } from '../../../ops/demo/database.ts';
import { AnonymityStore } from '../../../pipelines/anonymity/store.ts';
import { WindowState } from '../../../pipelines/windows/window-state.ts';
import { servers } from '../servers.ts';
import { urlOf } from '../way/way.ts';

const name = `t_${randomBytes(5).toString('hex')}`;
const signal = new AbortController().signal;
let admin: ConnectionPool;
let url: string;

beforeAll(async () => {
  const stack = await servers();
  admin = openDatabase(urlOf(stack, 'postgres'));
  await admin.query(sql`CREATE DATABASE ${sql.ident(name)}`);
  url = urlOf(stack, name);
});

afterAll(async () => {
  await admin?.query(sql`DROP DATABASE IF EXISTS ${sql.ident(name)} WITH (FORCE)`);
  await admin?.dispose();
});

const nothing = async () => {};
const mark = { topic: 't', partition: 0, next: 7n, watermark: 9, marks: { log: 'here' } };
const own = (task: string, form = '1 s') => WindowState.own(url, task, async () => form, signal);

/** Waits until somebody asked for the lock twice in vain: who was seen asking once more did not get it. */
async function askedInVain(): Promise<void> {
  const asked = new Set<string>();
  await vi.waitFor(
    async () => {
      const rows = (await admin.query(sql`
        SELECT query_start::text AS at FROM pg_stat_activity
        WHERE datname = ${name} AND application_name = 'conductor windows'
          AND query LIKE '%pg_try_advisory_lock%'`)) as readonly { readonly at: string }[];
      for (const { at } of rows) asked.add(at);
      expect(asked.size).toBeGreaterThan(2);
    },
    { timeout: 30_000, interval: 50 },
  );
}

test('one worker at a time owns a task, and the next one goes on where it was saved', async () => {
  const first = await own('turns');
  expect(first?.place).toEqual({ closed: null, lanes: [] });
  const second = own('turns');
  await askedInVain();
  await first?.save(4, [mark], nothing);
  await first?.[Symbol.asyncDispose]();
  await using next = await second;
  expect(next?.place).toEqual({ closed: 4, lanes: [mark] });
});

test('whoever was overtaken without knowing cannot save, nor what was to be saved with it', async () => {
  const paused = (await own('paused'))!;
  await admin.query(sql`
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = ${name} AND application_name = 'conductor windows'`);
  await using owner = (await own('paused'))!;
  await owner.save(1, [mark], nothing);
  await expect(paused.save(9, [], nothing)).rejects.toThrow();
  await paused[Symbol.asyncDispose]();

  const saved = vi.fn(nothing); // Who kept a session, and lost the epoch.
  await owner.session.query(sql`UPDATE conductor_windows SET epoch = epoch + 1`);
  await expect(owner.save(9, [], saved)).rejects.toThrow('another worker has gone on');
  expect(saved).not.toHaveBeenCalled();
});

test('a task whose form is another one is refused, with what to do', async () => {
  await using _ = await own('formed', '60 s, city');
  await _?.[Symbol.asyncDispose]();
  await expect(own('formed', '5 s, city')).rejects.toThrow(
    /60 s, city.*give the dataset another name/s,
  );
});

test('what is saved of a dataset comes back as it was, until it is sent', async () => {
  await using state = (await own('kept'))!;
  const store = new AnonymityStore('kept');
  const empty = { journals: [], waiting: [], outbox: [] };
  expect(await store.restore(state.session)).toEqual(empty);
  const waiting = [{ topic: 't', partition: 3, offset: 2n ** 40n, since: 28_000_000 }];
  const records = {
    topic: 'anon.t',
    partition: 1,
    count: 2,
    bytes: randomBytes(100),
    producedAtMs: 5,
  };
  const journal = randomBytes(50);
  const save = (more: object) =>
    state.save(1, [], (tx) =>
      store.save(tx, { journal, summary: null, waiting, outbox: [records], ...more }),
    );
  await save({});
  expect(await store.restore(state.session)).toEqual({
    journals: [journal],
    waiting,
    outbox: [records],
  });
  await store.sent(state.session);
  await save({ outbox: [], waiting: [] });
  expect(await store.restore(state.session)).toEqual({ ...empty, journals: [journal, journal] });
  const pieces = [randomBytes(10), randomBytes(20)];
  await save({ outbox: [], waiting: [], summary: pieces });
  expect(await store.restore(state.session)).toEqual({ ...empty, journals: pieces });
});
