import { readFile } from 'node:fs/promises';
import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { byPosition, changesOf } from '../backfill/folded.ts';
import { caughtUp } from '../capture/progress.ts';
import { openWay, type Way } from '../way/way.ts';
import { run } from './own-postgres.ts';

let way: Way;
let guestUrl: string;

/** The statements that the runbook says are enough, about this way's tables. */
async function statements(): Promise<readonly string[]> {
  const page = await readFile('ops/runbooks/source.md', 'utf8');
  const [, block] = /```sql\n(.*?)```/s.exec(page) ?? [];
  if (block === undefined) throw new Error('the runbook has no statements');
  const tables = [...way.contracts.keys()].join(', ');
  return block
    .replaceAll(/^--.*$/gm, '')
    .replaceAll('public.customers, public.orders', tables)
    .replaceAll('DATABASE shop', `DATABASE ${way.name}`)
    .replaceAll('SCHEMA public', `SCHEMA ${way.name}`)
    .replaceAll(/\bROLE conductor|TO conductor/g, (found) => found.replace('conductor', guest()))
    .replace('PUBLICATION conductor', `PUBLICATION ${way.name}`)
    .split(';')
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}

const guest = () => `${way.name}_guest`;

beforeAll(async () => {
  way = await openWay();
  await run(way.source, `REVOKE ALL ON DATABASE ${way.name} FROM PUBLIC`);
  await run(way.source, ...(await statements()));
  const url = new URL(way.urls.source);
  url.username = guest();
  url.password = encodeURIComponent('choose one');
  guestUrl = url.href;
});

afterAll(() => way?.[Symbol.asyncDispose]());

const asGuest = () => way.variant(({ source }) => (source['url'] = guestUrl));

const durable = async () => {
  const [row] = await way.state.query(sql`SELECT lsn, era FROM cdc_offsets`);
  return row;
};

test('a role with the privileges of the runbook, and no others, captures', async () => {
  const [role] = await way.source.query(sql`
    SELECT rolsuper, rolcreatedb, rolcreaterole, rolbypassrls, rolreplication,
           has_database_privilege(rolname, current_database(), 'CREATE') AS creates
    FROM pg_roles WHERE rolname = ${guest()}`);
  expect(role).toEqual({
    rolsuper: false,
    rolcreatedb: false,
    rolcreaterole: false,
    rolbypassrls: false,
    rolreplication: true,
    creates: false,
  });
  await way.commit('INSERT INTO marks VALUES (1, 7, 1)');
  const file = await asGuest();
  const first = await way.start(['run', 'capture', '--until-current'], file).ended;
  expect(first.code, first.stderr).toBe(0);
  const before = await durable();
  await way.commit('INSERT INTO marks VALUES (2, 7, 2)');
  const second = await way.start(['run', 'capture', '--until-current'], file).ended;
  expect(second.code, second.stderr).toBe(0);
  expect(await durable()).not.toEqual(before);
});

test('a worker tells how much WAL is kept for it', async () => {
  await using worker = way.start(['run', 'capture'], await asGuest());
  const url = await worker.running();
  await vi.waitFor(async () => {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(/^conductor_wal_retained_bytes\{pipeline="capture"\} \d+$/m);
  });
});

test('a quiet database lets go of the WAL that its neighbours write', async () => {
  const file = await way.variant(({ source }) =>
    Object.assign(source, { url: guestUrl, heartbeat: 0.2 }),
  );
  await using worker = way.start(['run', 'capture'], file);
  await worker.running();
  await run(way.state, 'CREATE TABLE neighbours AS SELECT generate_series(1, 50000) AS n');
  const [{ lsn }] = await way.state.query(sql`SELECT pg_current_wal_lsn()::text AS lsn`);
  await vi.waitFor(
    async () => {
      await run(way.state, 'SELECT pg_log_standby_snapshot()'); // What the server does every 15 s.
      const [slot] = await way.source.query(sql`
        SELECT restart_lsn > ${lsn}::pg_lsn AS "letGo" FROM pg_replication_slots WHERE slot_name = ${way.name}`);
      expect(slot).toEqual({ letGo: true });
    },
    { timeout: 30_000, interval: 100 },
  );
});

test('streaming goes on without SELECT', async () => {
  await run(way.source, `REVOKE SELECT ON ${[...way.contracts.keys()].join(', ')} FROM ${guest()}`);
  await way.commit('INSERT INTO marks VALUES (3, 7, 3)');
  const ended = await way.start(['run', 'capture', '--until-current'], await asGuest()).ended;
  expect(ended.code, ended.stderr).toBe(0);
});

test('a table that is made anew replaces the old one once the role may read it, and nothing ends before', async () => {
  await way.commit(
    'DROP TABLE marks',
    'CREATE TABLE marks (id bigint PRIMARY KEY, tenant_id bigint, n integer)',
    `ALTER PUBLICATION ${way.name} ADD TABLE marks`,
  );
  await way.commit('INSERT INTO marks VALUES (9, 7, 9)');
  await using worker = way.start(['run', 'capture'], await asGuest());
  await worker.running();
  await caughtUp(way);
  expect(worker.stderr).toMatch(/"level":50.*"fix":"as the owner: GRANT SELECT ON /);
  const ids = async () => [...byPosition(await changesOf(way, 'marks')).keys()].toSorted();
  expect(await ids()).toEqual(['{"id":1}', '{"id":2}', '{"id":3}']);
  await way.commit(`GRANT SELECT ON marks TO ${guest()}`);
  await vi.waitFor(async () => expect(await ids(), worker.stderr).toEqual(['{"id":9}']), {
    timeout: 60_000,
    interval: 250,
  });
});

test('a slot that is gone stops a worker, and --recover begins anew and tells what is lost', async () => {
  await run(way.source, `SELECT pg_drop_replication_slot('${way.name}')`);
  await way.commit('INSERT INTO marks VALUES (4, 7, 4)');
  const before = await durable();
  const stopped = await way.start(['run', 'capture', '--until-current']).ended;
  expect(stopped.code, stopped.stderr).toBe(1);
  expect(stopped.stderr).toMatch(/the slot is gone: what was committed since then is missing/);
  expect(stopped.stderr).toMatch(/--recover resnapshot .*--recover repair .*--recover stop/);
  expect(await durable()).toEqual(before);

  const recovering = ['run', 'capture', '--until-current', '--recover', 'resnapshot'];
  const recovered = await way.start(recovering).ended;
  expect(recovered.code, recovered.stderr).toBe(0);
  expect(recovered.stderr).toMatch(
    /"level":50.*"recover":"resnapshot".*"lostFrom":"\S+","lostTo":"\S+"/,
  );
  const usual = await way.start(['run', 'capture', '--until-current']).ended;
  expect(usual.code, usual.stderr).toBe(0);
});
