import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { runsAt } from '../../../pipelines/backfill/runs.ts';
import { follower } from '../source/follower.ts';
import { type OwnPostgres, ownPostgres, run } from '../source/own-postgres.ts';
import { openWay, type Way } from '../way/way.ts';
import { asText, byOffset, byPosition, changesOf } from './folded.ts';
import { items } from './tables.ts';
import { startWriters } from './writers.ts';

const rows = 20_000;
const columns = ['id', 'tenant_id', 'n', 'note', 'body'];
let way: Way;
let primary: OwnPostgres;
let standby: OwnPostgres;

beforeAll(async () => {
  way = await openWay([items]);
  primary = await ownPostgres();
  await run(
    primary.db(),
    `CREATE SCHEMA ${way.name}`,
    `ALTER DATABASE postgres SET search_path = ${way.name}`,
    "SELECT pg_create_physical_replication_slot('follower', true)",
  );
  const [create = '', ...more] = items.ddl.map((ddl) =>
    ddl.replaceAll(/TABLE items/g, `TABLE ${way.name}.items`),
  );
  await run(
    primary.db(),
    create,
    ...more,
    `INSERT INTO ${way.name}.items SELECT n, n % 7, n, md5(n::text), repeat('x', 3000) FROM generate_series(1, ${rows}) n`,
    'CHECKPOINT',
  );
  standby = await follower(primary, await primary.copy(), { slot: 'follower', worker: 'off' });
});

afterAll(async () => {
  await way?.[Symbol.asyncDispose]();
  for (const server of [standby, primary]) await server?.[Symbol.asyncDispose]();
});

test('tables are copied from a standby while the primary is written to, and end equal', async () => {
  const file = await way.variant((config) => {
    config.source['url'] = primary.url();
    config.source['copyFrom'] = standby.url();
    config.source['failover'] = false;
  });
  const statements = [
    (random) => `UPDATE items SET n = n + 1 WHERE id = ${random.below(rows)}`,
    (random) => `DELETE FROM items WHERE id = ${random.below(rows)}`,
    (_, fresh) => `INSERT INTO items VALUES (${fresh()}, 1, 0, 'new', repeat('y', 3000))`,
  ] as const satisfies Parameters<typeof startWriters>[2];
  const writers = startWriters(primary.url(), [1, 2], statements);
  const capture = way.start(['run', 'capture'], file);
  await using runs = await runsAt(way.urls.state, `${way.name}/${way.name}`);
  await vi.waitFor(async () => expect((await runs.all())[0]?.status, capture.stderr).toBe('done'), {
    timeout: 90_000,
    interval: 100,
  });
  await writers[Symbol.asyncDispose]();
  await capture[Symbol.asyncDispose]();
  const { code, stderr } = await way.start(['run', 'capture', '--until-current'], file).ended;
  expect(code, stderr).toBe(0);

  const [read] = await standby
    .db()
    .query(sql`SELECT seq_tup_read::int AS rows FROM pg_stat_all_tables WHERE relname = 'items'`);
  expect(read.rows).toBeGreaterThan(rows / 2);
  const all = await changesOf(way, 'items');
  const found = (await primary
    .db()
    .query(sql`SELECT id, tenant_id, n, note, body FROM items`)) as readonly Record<
    string,
    unknown
  >[];
  const expected = found
    .map((row) => columns.map((name) => String(row[name])).join('|'))
    .toSorted();
  expect(asText(byPosition(all), columns)).toEqual(expected);
  expect(asText(byOffset(all), columns)).toEqual(expected);
});
