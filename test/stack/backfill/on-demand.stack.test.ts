import { inspect } from 'node:util';
import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { runsAt, type Run, type Runs } from '../../../pipelines/backfill/runs.ts';
import { openWay, type Way } from '../way/way.ts';
import type { Worker } from '../way/worker.ts';
import { byOffset, byPosition, changesOf } from './folded.ts';
import { items, people } from './tables.ts';

const rows = 20_000;
const patience = { timeout: 30_000, interval: 50 };
let way: Way;
let runs: Runs;
let capture: Worker;
let table: string;
const role = `r_${process.pid}`;

beforeAll(async () => {
  way = await openWay([items, people]);
  table = `${way.name}.items`;
  await way.drain('capture'); // Makes the publication as its owner, and copies tables that are empty.
  await way.commit(
    `CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'secret'`,
    `GRANT USAGE ON SCHEMA ${way.name} TO ${role}`,
    `GRANT SELECT ON ALL TABLES IN SCHEMA ${way.name} TO ${role}`,
  );
  const url = new URL(way.urls.source);
  const file = await way.variant((config) => {
    config.source['url'] = `postgres://${role}:secret@${url.host}${url.pathname}`;
    config.source['heartbeat'] = 0;
  });
  capture = way.start(['run', 'capture'], file);
  await capture.running();
  await way.commit(
    `INSERT INTO items SELECT n, n % 7, n, md5(n::text), NULL FROM generate_series(1, ${rows}) n`,
  );
  runs = await runsAt(way.urls.state, `${way.name}/${way.name}`);
});

afterAll(async () => {
  await runs?.[Symbol.asyncDispose]();
  await way?.commit(`DROP OWNED BY ${role}`, `DROP ROLE ${role}`);
  await way?.[Symbol.asyncDispose]();
});

const backfill = (...args: readonly string[]) => way.start(['backfill', ...args]).ended;
const copiesOf = async () =>
  (await changesOf(way, 'items')).filter(({ change }) => change.log.includes('/backfill'));
const until = (id: number, wanted: (run: Run) => boolean) =>
  vi.waitFor(async () => {
    const run = await runs.one(id);
    expect(run && wanted(run), `${inspect(run)} ${capture.stderr}`).toBe(true);
    return run!;
  }, patience);

test.for([
  ['a table without a contract', ['--table', 'public.nothing'], 1, /has no contract/],
  ['a condition that is no SQL', ['--table', 'items', '--where', 'nothing = 1'], 1, /nothing/],
  [
    'a condition that ends too early',
    ['--table', 'items', '--where', 'true) OR (true'],
    1,
    /--where/,
  ],
  [
    'a condition that runs something',
    ['--table', 'items', '--where', 'true); DROP TABLE items; SELECT (true'],
    1,
    /--where/,
  ],
  ['an empty condition', ['--table', 'items', '--where', ' '], 2, /is empty/],
  ['two verbs at once', ['--table', 'items', '--pause', '--resume'], 2, /not several/],
  ['a pause of nothing', ['--pause'], 2, /--table/],
  ['a pause of what does not run', ['--table', 'items', '--pause'], 1, /--status/],
] as const)('%s is refused before anything is written', async ([, args, code, message]) => {
  const before = (await runs.all()).length;
  const named = args.map((arg) => (arg === 'items' ? table : arg));
  const ended = await backfill(...named);
  expect(ended.stderr).toMatch(message);
  expect(ended.code).toBe(code);
  expect((await runs.all()).length).toBe(before);
});

test('only the rows of a condition are copied, each once', async () => {
  const { code, stdout, stderr } = await backfill(
    '--table',
    table,
    '--where',
    'n % 10 = 3 -- of them all',
    '--wait',
    '--json',
  );
  expect(code, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ status: 'done', rows: rows / 10 });
  const copied = await copiesOf();
  expect(copied.length).toBe(rows / 10);
  expect(copied.every(({ change }) => Number(change.after?.['n']) % 10 === 3)).toBe(true);
});

test('WAL does not pile up behind a copy: while its rows are read the slot lets go of what was streamed', async () => {
  const waiting = async () => {
    const [{ count }] = await way.source.query(sql`
      SELECT count(*)::int AS count FROM pg_locks l JOIN pg_database d ON d.oid = l.database
      WHERE datname = ${way.name} AND locktype = 'advisory' AND NOT granted`);
    return count as number;
  };
  const id = await way.source.tx(async (tx) => {
    await tx.query(sql`SELECT pg_advisory_xact_lock(1)`); // Nobody reads on as long as this is held.
    const run = await runs.request(
      table,
      'n % 100 = 3 AND pg_advisory_xact_lock_shared(1)::text IS NOT NULL',
    );
    await vi.waitFor(async () => expect(await waiting()).toBeGreaterThan(0), patience);
    for (const n of [1, 2, 3]) {
      await way.commit(`UPDATE items SET n = n WHERE id = ${n}`);
      const [{ lsn }] = await way.source.query(sql`SELECT pg_current_wal_lsn()::text AS lsn`);
      await vi.waitFor(async () => {
        const slot = await way.source.query(sql`
          SELECT confirmed_flush_lsn >= ${lsn}::pg_lsn AS let_go FROM pg_replication_slots
          WHERE slot_name = ${way.name}`);
        expect(slot, capture.stderr).toEqual([{ let_go: true }]);
      }, patience);
    }
    expect(await runs.one(run)).toMatchObject({ status: 'running', rows: 0 });
    expect(await waiting()).toBeGreaterThan(0);
    return run;
  });
  await until(id, ({ status, rows: count }) => status === 'done' && count === rows / 100);
});

test.for([
  ['VACUUM FULL', 'VACUUM FULL items'],
  [
    'a column that is rewritten',
    'ALTER TABLE items ALTER tenant_id TYPE bigint USING tenant_id + 0',
  ],
  ['a column that is added', "ALTER TABLE items ADD later text DEFAULT 'x'"],
  ['a column that is dropped', 'ALTER TABLE items DROP later'],
] as const)('%s between two ranges loses no row', async ([, statement]) => {
  const id = await runs.request(table, null);
  await until(id, (run) => run.rows > 0);
  await runs.set(table, 'paused');
  await way.source.query(sql.__dangerous__rawValue(statement));
  await runs.set(table, 'waiting');
  await until(id, ({ status }) => status === 'done');
  const [{ count }] = await way.source.query(sql`SELECT count(*)::int AS count FROM items`);
  expect(byOffset(await changesOf(way, 'items')).size).toBe(count);
});

test('a TRUNCATE while it is copied brings nothing back', async () => {
  const id = await runs.request(table, null);
  await until(id, (run) => run.status === 'running');
  await way.commit('TRUNCATE items', "INSERT INTO items VALUES (1, 1, 1, 'after', NULL)");
  await until(id, ({ status }) => status === 'done');
  await vi.waitFor(async () => {
    const read = await changesOf(way, 'items');
    for (const fold of [byOffset(read), byPosition(read)])
      expect([...fold.values()].map(({ note }) => note)).toEqual(['after']);
  }, patience);
});

test('a copy whose SELECT was revoked fails with its fix, and the stream goes on', async () => {
  await way.commit(`REVOKE SELECT ON items FROM ${role}`);
  const failed = await backfill('--table', table, '--wait');
  expect(failed.code).toBe(1);
  expect(failed.stderr + failed.stdout).toMatch(/GRANT SELECT ON/);
  await way.commit("INSERT INTO items VALUES (2, 1, 2, 'on and on', NULL)");
  await vi.waitFor(
    async () => expect(byOffset(await changesOf(way, 'items')).size).toBe(2),
    patience,
  );
  await way.commit(`GRANT SELECT ON items TO ${role}`);
  const resumed = await backfill('--resume', '--table', table);
  expect(resumed.code, resumed.stderr).toBe(0);
  await vi.waitFor(
    async () => expect((await runs.all()).at(-1)).toMatchObject({ status: 'done', rows: 2 }),
    patience,
  );
});
