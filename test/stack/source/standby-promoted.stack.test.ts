import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { checkpointsAt } from '../../../pipelines/wal/checkpoint.ts';
import { changesOf } from '../backfill/folded.ts';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';
import { follower, promote } from './follower.ts';
import { type OwnPostgres, ownPostgres, run } from './own-postgres.ts';

const things: TestTable = {
  name: 'things',
  tenant: null,
  subject: null,
  relationships: [],
  ddl: ['CREATE TABLE things (id bigint PRIMARY KEY)'],
  columns: [keep('id', 'bigint', { keyPosition: 1 })],
};
const patience = { timeout: 30_000, interval: 50 };

let way: Way;
let primary: OwnPostgres;
let standby: OwnPostgres;
let file: string;

beforeAll(async () => {
  way = await openWay([things]);
  primary = await ownPostgres();
  await run(
    primary.db(),
    `CREATE DATABASE ${way.name}`,
    `ALTER DATABASE ${way.name} SET search_path = ${way.name}, public`,
    "SELECT pg_create_physical_replication_slot('follower', true)",
  );
  await run(primary.db(way.name), `CREATE SCHEMA ${way.name}`);
  await run(
    primary.db(way.name),
    ...things.ddl,
    `CREATE PUBLICATION ${way.name} FOR TABLE things`,
    'CHECKPOINT',
  );
  standby = await follower(primary, await primary.copy(), { slot: 'follower', worker: 'off' });
  file = await way.variant(({ source }) => {
    source['url'] = standby.url(way.name);
    source['heartbeat'] = 0;
    source['snapshot'] = 'never';
  });
});

afterAll(async () => {
  for (const each of [standby, primary, way]) await each?.[Symbol.asyncDispose]();
});

let ids = 0;
const write = (server: OwnPostgres) =>
  run(server.db(way.name), `INSERT INTO things VALUES (${++ids})`);

/** Which rows are in the topic, with the timelines that wrote them. */
const written = async () =>
  (await changesOf(way, 'things'))
    .map(({ change }) => `${String(change.after?.['id'])} on ${change.position.timeline}`)
    .toSorted();

test('a standby that is captured is promoted: what it writes itself is said to be of its own timeline', async () => {
  await using worker = way.start(['run', 'capture'], file);
  await vi.waitFor(async () => {
    await run(primary.db(), 'SELECT pg_log_standby_snapshot()'); // What a new slot there waits for.
    const { stderr } = worker;
    const [, at = ''] = /"health":"([^"]+)"/.exec(stderr) ?? [];
    expect((await fetch(`${at}/healthz`)).status, stderr).toBe(200);
  }, patience);
  await write(primary);
  await vi.waitFor(
    async () => expect(await written(), worker.stderr).toEqual(['1 on 1']),
    patience,
  );

  await promote(standby);
  await write(standby);
  const all = ['1 on 1', '2 on 2'];
  await vi.waitFor(async () => expect(await written(), worker.stderr).toEqual(all), patience);
  expect(worker.stderr).toContain('the standby went from timeline 1 to 2');
  await using checkpoints = await checkpointsAt(way.urls.state);
  await vi.waitFor(
    async () =>
      expect(await checkpoints.read(`${way.name}/${way.name}`)).toMatchObject({ timeline: 2 }),
    patience,
  );
  worker.kill('SIGTERM');
  expect((await worker.ended).code).toBe(0);
  const { code, stderr } = await way.start(['run', 'capture', '--until-current'], file).ended;
  expect(code, stderr).toBe(0);
  expect(await written()).toEqual(all);
});
