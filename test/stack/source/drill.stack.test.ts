import { sql } from '@databases/pg';
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

test('a standby is promoted under traffic, and no change is lost or doubled, in any sink', async () => {
  for (const [name, value] of Object.entries(settings)) {
    const [set] = await primary.db().query(sql`SELECT current_setting(${name}) AS value`);
    expect(set).toEqual({ value });
  }
  {
    await using worker = way.start(['run', 'capture'], onPrimary);
    await worker.running();
    await inStep({ primary, standby }, way.name, () => write(primary));
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
    await vi.waitFor(() => expect(worker.stderr).toContain('lost a server; trying again'));
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
  // What is copied stands before what is not confirmed: where the old primary wrote it, on its timeline.
  const base = (await runs.one(copy))?.base;
  expect(base?.timeline).toBe(timelines(2, history)(base!.lsn));
  expect(base!.lsn).toBeLessThanOrEqual(ended(history)[0]!.end);
  const compared = await compareAll(await loadConfig(onStandby), way.contracts);
  expect(compared.equal, JSON.stringify(compared, null, 1)).toBe(true);
  const marks = compared.tables.find(({ table }) => table.endsWith('marks'));
  expect(marks?.sourceRows).toBeGreaterThan(200);
});
