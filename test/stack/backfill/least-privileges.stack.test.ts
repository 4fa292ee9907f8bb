import { join } from 'node:path';
import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { init } from '../../../ops/init/init.ts';
import type { Finding } from '../../../ops/readiness/finding.ts';
import { openWay, type Way } from '../way/way.ts';
import { changesOf } from './folded.ts';
import { events, items } from './tables.ts';

const role = `least_${process.pid}`;
let way: Way;
let file: string;

/** A database that `conductor init` was run for; partitions that came later, or are guarded, are nobody's to read by name. */
beforeAll(async () => {
  way = await openWay([events, items]);
  await way.commit('INSERT INTO events SELECT n, n % 4, n FROM generate_series(1, 400) n');
  const out = join(way.folder, 'init');
  const only = { schemas: [], tables: ['events'] };
  const asked = { url: way.urls.source, out, name: way.name, role, only, force: false };
  const { sql: setup, setup: named, sourceUrl } = await init(asked);
  const [transaction = ''] = setup.split('\nCOMMIT;\n');
  await way.source.query(sql.__dangerous__rawValue(`${transaction}\nCOMMIT;`));
  await way.commit(
    `CREATE SCHEMA later`,
    `CREATE TABLE later."events 9" PARTITION OF events FOR VALUES IN (9, NULL)`,
    `INSERT INTO events SELECT n, 9, n FROM generate_series(1001, 1100) n`,
    `ALTER TABLE events_rest_1 ENABLE ROW LEVEL SECURITY`,
    `GRANT SELECT (id, n) ON items TO ${role}`,
    `ALTER PUBLICATION ${named.publication} ADD TABLE items`,
  );
  file = await way.variant((config) => {
    config.source['url'] = sourceUrl;
    config.source['publication'] = named.publication;
  });
});

afterAll(async () => {
  await way?.commit(`DROP OWNED BY ${role}`, `DROP ROLE ${role}`);
  await way?.[Symbol.asyncDispose]();
});

async function select() {
  const { stdout, stderr } = await way.start(['check', '--json'], file).ended;
  expect(stderr).toBe('');
  const { findings } = JSON.parse(stdout) as { readonly findings: readonly Finding[] };
  return findings
    .filter(({ check }) => check === 'select')
    .map(({ outcome, what }) => `${outcome}: ${what}`);
}

test('SELECT on some columns is too little for a copy, and is said to be', async () => {
  const said = await select();
  expect(said[0]).toMatch(
    /^failed: role \w+ may read some of its columns only, and the first copy/,
  );
  await way.commit(`GRANT SELECT ON items TO ${role}`);
});

test('a partition that cannot be read by name is warned of, for its copy takes longer', async () => {
  expect(await select()).toEqual([
    `ok: ${role} may read every table for a copy`,
    expect.stringMatching(
      new RegExp(`^warning: .* may not read later."events 9", ${way.name}.events_rest_1 by name`),
    ),
  ]);
});

test('with the privileges that init prints, a first copy brings the rows of every partition once', async () => {
  const { code, stderr } = await way.start(['run', 'capture', '--until-current'], file).ended;
  expect(code, stderr).toBe(0);
  const read = await changesOf(way, 'events');
  const [{ ids }] = (await way.source.query(
    sql`SELECT array_agg(id::text ORDER BY id) AS ids FROM events`,
  )) as [{ readonly ids: readonly string[] }];
  expect(ids).toHaveLength(500);
  expect(read.map(({ change }) => Number(change.after?.['id'])).toSorted((a, b) => a - b)).toEqual(
    ids.map(Number),
  );
});

test('a partition is looked for where it lies, and not in all the others', async () => {
  const [{ condition }] = (await way.source.query(
    sql`SELECT pg_get_partition_constraintdef('later."events 9"'::regclass) AS condition`,
  )) as [{ readonly condition: string }];
  const plan = (await way.source.query(
    sql.__dangerous__rawValue(
      `EXPLAIN (COSTS off) SELECT FROM events WHERE ctid < '(9,0)' AND ${condition}`,
    ),
  )) as readonly { readonly 'QUERY PLAN': string }[];
  expect(plan.map((row) => row['QUERY PLAN']).join('\n')).not.toMatch(/events_1|events_rest/);
});

test('a batch whose copy of a table has failed brings all else, and fails at its end with the fix', async () => {
  const drain = () => way.start(['run', 'capture', '--until-current'], file).ended;
  const copy = (...more: readonly string[]) =>
    way.start(['backfill', '--table', `${way.name}.items`, ...more], file).ended;
  await way.commit('INSERT INTO items VALUES (1)', `REVOKE SELECT ON items FROM ${role}`);
  expect(await copy()).toMatchObject({ code: 0 });
  await way.commit('INSERT INTO events VALUES (2000, 1, 1)');
  const { code, stderr } = await drain();
  expect(stderr).toMatch(/the copy of table \w+\.items has failed: .*GRANT SELECT/);
  expect(stderr).toContain(`conductor backfill --resume --table ${way.name}.items`);
  expect(code).toBe(1);
  expect(await changesOf(way, 'events')).toHaveLength(501);
  await way.commit(`GRANT SELECT ON items TO ${role}`);
  expect(await copy('--resume')).toMatchObject({ code: 0 });
  const mended = await drain();
  expect(mended.code, mended.stderr).toBe(0);
});
