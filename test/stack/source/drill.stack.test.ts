import { sql } from '@databases/pg';
import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { loadConfig } from '../../../contracts/config.ts';
import { compareAll } from '../../../ops/start/demo.ts';
import { runsAt } from '../../../pipelines/backfill/runs.ts';
import { ended, timelines } from '../../../pipelines/wal/timelines.ts';
import { testTables } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';
import { follower, inStep, promote } from './follower.ts';
import { type OwnPostgres, ownPostgres, run } from './own-postgres.ts';

let way: Way;
let primary: OwnPostgres;
let standby: OwnPostgres;
let onPrimary: string; // The way's configuration, with another source.
let onStandby: string;

const settings = {
  synchronous_standby_names: 'follower', // What is committed is on the standby.
  synchronized_standby_slots: 'follower', // What is captured is on the standby.
};

beforeAll(async () => {
  way = await openWay();
  primary = await ownPostgres();
  await run(
    primary.db(),
    `CREATE DATABASE ${way.name}`,
    `ALTER DATABASE ${way.name} SET search_path = ${way.name}, public`,
    "SELECT pg_create_physical_replication_slot('follower', true)",
  );
  await run(primary.db(way.name), `CREATE SCHEMA ${way.name}`);
  for (const { ddl } of testTables) await run(primary.db(way.name), ...ddl);
  standby = await follower(primary, await primary.copy(), { slot: 'follower', worker: 'on' });
  for (const [name, value] of Object.entries(settings))
    await run(primary.db(), `ALTER SYSTEM SET ${name} = '${value}'`);
  await run(primary.db(), 'SELECT pg_reload_conf()');
  const from = (server: OwnPostgres) =>
    way.variant(({ source }) => (source['url'] = server.url(way.name)));
  onPrimary = await from(primary);
  onStandby = await from(standby);
});

afterAll(async () => {
  for (const each of [standby, primary, way]) await each?.[Symbol.asyncDispose]();
});

let rows = 0;
const write = (server: OwnPostgres) =>
  run(server.db(way.name), `INSERT INTO marks VALUES (${++rows}, 7, ${rows})`);

/**
 * From now on nothing that is captured is recorded, until what it returns is called. Whoever waits to record
 * something is cut off then: it would be done for a worker that is gone.
 */
async function unrecorded(): Promise<() => Promise<void>> {
  const holder = new pg.Client({ connectionString: way.urls.state });
  holder.on('error', () => {}); // The way is swept while it is open, if the test has failed.
  await holder.connect();
  await holder.query('BEGIN');
  await holder.query('LOCK TABLE cdc_offsets IN SHARE MODE');
  return async () => {
    await holder.query(
      `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'conductor checkpoints'`,
    );
    await holder.end();
  };
}

test('a standby is promoted under traffic, and no change is lost or doubled, in any sink', async () => {
  for (const [name, value] of Object.entries(settings)) {
    const [set] = await primary.db().query(sql`SELECT current_setting(${name}) AS value`);
    expect(set).toEqual({ value });
  }
  {
    await using worker = way.start(['run', 'capture'], onPrimary);
    await worker.running();
    await inStep({ primary, standby }, way.name, () => write(primary));
    const release = await unrecorded();
    // Traffic until the primary dies in the middle of it.
    const traffic = (async () => {
      for (;;) await write(primary);
    })();
    const cut = expect(traffic).rejects.toThrow();
    const before = rows;
    await vi.waitFor(() => expect(rows).toBeGreaterThan(before + 200), { timeout: 20_000 });
    await primary.kill();
    await cut;
    await promote(standby);
    const lost = () => expect(worker.stderr).toContain('lost a server; trying again');
    await vi.waitFor(lost, { timeout: 20_000 }); // What it has to record is not waited for at length.
    worker.kill('SIGKILL');
    await worker.ended;
    await release();
  }
  const [{ timeline }] = await standby
    .db()
    .query(sql`SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS timeline`);
  expect(timeline).toBe('00000002');
  await run(standby.db(way.name), 'UPDATE marks SET n = n + 1 WHERE id % 2 = 0');
  await write(standby);
  await using runs = await runsAt(way.urls.state, `${way.name}/${way.name}`);
  const copy = await runs.request(`${way.name}.marks`, null);
  for (const pipeline of ['capture', 'govern', 'deliver']) {
    const { code, stderr } = await way.start(['run', pipeline, '--until-current'], onStandby).ended;
    expect(code, stderr).toBe(0);
  }
  const [{ history }] = await standby
    .db()
    .query(sql`SELECT pg_read_file('pg_wal/00000002.history') AS history`);
  // What is copied stands before what is not confirmed, which the old primary wrote.
  const base = (await runs.one(copy))?.base;
  expect(base?.timeline).toBe(timelines(2, history)(base!.lsn));
  expect(base!.lsn).toBeLessThan(ended(history)[0]!.end);
  expect(base?.timeline).toBe(1);
  const compared = await compareAll(await loadConfig(onStandby), way.contracts);
  expect(compared.equal, JSON.stringify(compared, null, 1)).toBe(true);
  const marks = compared.tables.find(({ table }) => table.endsWith('marks'));
  expect(marks?.sourceRows).toBeGreaterThan(200);
});
