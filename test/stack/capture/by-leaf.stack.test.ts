import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Finding } from '../../../ops/readiness/finding.ts';
import { lettersOf } from '../way/letters.ts';
import { contractOf, keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';
import { lastWins, newestWins, sifted } from './folds.ts';
import { seenIn } from './seen.ts';

const leaf = (name: string, ...ddl: readonly string[]): TestTable => ({
  name,
  ddl,
  tenant: null,
  subject: null,
  columns: [
    keep('id', 'bigint', { keyPosition: 1 }),
    keep('place', 'integer', { keyPosition: 2 }),
    keep('n', 'integer'),
  ],
  relationships: [],
});
const part = (name: string, bounds: string) => `CREATE TABLE ${name} PARTITION OF stays ${bounds}`;
const leaves = [
  leaf(
    'stays_1',
    `CREATE TABLE stays (id bigint, place integer, n integer, PRIMARY KEY (id, place)) PARTITION BY LIST (place)`,
    part('stays_1', 'FOR VALUES IN (1)'),
  ),
  leaf(
    'stays_2_even',
    part('stays_2', 'FOR VALUES IN (2) PARTITION BY HASH (id)'),
    'CREATE TABLE stays_2_even PARTITION OF stays_2 FOR VALUES WITH (MODULUS 2, REMAINDER 0)',
  ),
  leaf(
    'stays_2_odd',
    'CREATE TABLE stays_2_odd PARTITION OF stays_2 FOR VALUES WITH (MODULUS 2, REMAINDER 1)',
  ),
];

let way: Way;

beforeAll(async () => {
  way = await openWay(leaves);
  await way.commit(
    `CREATE PUBLICATION ${way.name} FOR TABLE stays`,
    'INSERT INTO stays SELECT n, 1 + n % 2, n FROM generate_series(1, 40) n',
  );
});

afterAll(() => way?.[Symbol.asyncDispose]());

/** Holds every leaf against what its own topic comes to. */
async function expectEqual(): Promise<void> {
  for (const { name } of leaves) {
    const seen = await seenIn(way, [`${way.name}.${name}`], way.source);
    const { faults, once } = sifted(seen);
    expect(faults).toEqual([]);
    const rows = (await way.source.query(
      sql`SELECT id::text, place::text, n::text FROM ${sql.ident(name)}`,
    )) as readonly { id: string; place: string; n: string }[];
    const wanted = Object.fromEntries(
      rows.map((row) => [`{"id":${row.id},"place":${row.place}}`, row]),
    );
    for (const fold of [lastWins(seen), newestWins(once)])
      expect(Object.fromEntries(fold), name).toEqual(wanted);
  }
}

/** Waits until all that is committed so far is captured for good. */
async function confirmed(): Promise<void> {
  const [{ end }] = (await way.source.query(
    sql`SELECT pg_current_wal_insert_lsn()::text AS end`,
  )) as [{ readonly end: string }];
  await vi.waitFor(
    async () => {
      const [slot] = await way.source.query(sql`
        SELECT confirmed_flush_lsn >= ${end}::pg_lsn AS reached
        FROM pg_replication_slots WHERE slot_name = ${way.name}`);
      expect(slot).toEqual({ reached: true });
    },
    { timeout: 20_000, interval: 50 },
  );
}

test('partitions under contracts of their own are copied and streamed under their own names', async () => {
  await way.drain('capture');
  await expectEqual();
  await way.commit(
    'INSERT INTO stays SELECT n, 1 + n % 2, n FROM generate_series(41, 60) n',
    'UPDATE stays SET n = -n WHERE id % 5 = 0',
    'UPDATE stays SET place = 3 - place WHERE id % 7 = 0', // To another partition.
    'DELETE FROM stays WHERE id % 11 = 0',
  );
  await way.drain('capture');
  await expectEqual();
});

test('a TRUNCATE of one of them is its own, and one of their root is of each', async () => {
  await way.commit('TRUNCATE stays_1', 'INSERT INTO stays VALUES (100, 1, 0), (101, 2, 0)');
  await way.drain('capture');
  await expectEqual();
  await way.commit('TRUNCATE stays', 'INSERT INTO stays VALUES (102, 2, 0)');
  await way.drain('capture');
  await expectEqual();
});

test('a partition that appears without a contract becomes sealed letters, and the others go on', async () => {
  const worker = way.start(['run', 'capture']);
  await worker.running();
  await way.commit(
    part('stays_3', 'FOR VALUES IN (3)'),
    'INSERT INTO stays VALUES (200, 3, 0), (201, 1, 0)',
    'UPDATE stays SET place = 3 WHERE id = 102',
    'TRUNCATE stays',
    'INSERT INTO stays VALUES (203, 1, 0), (204, 3, 0)',
  );
  await confirmed();
  worker.kill('SIGTERM');
  expect((await worker.ended).code).toBe(0);
  const letters = await lettersOf(way, 'capture', `${way.name}@`);
  expect(letters.map(({ letter }) => letter['reason'])).toEqual(Array(4).fill('no-contract'));
  await expectEqual();
});

test('the next start refuses it with what can be done, and once it has a contract all of it is there', async () => {
  const refused = await way.start(['run', 'capture', '--until-current']).ended;
  const what = `published without a contract: ${way.name}.stays_3`;
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain(what);
  const { stdout } = await way.start(['check', '--json']).ended;
  const { findings } = JSON.parse(stdout) as { readonly findings: readonly Finding[] };
  expect(findings).toContainEqual({
    check: 'publication',
    outcome: 'failed',
    what,
    where: `publication ${way.name}`,
    fix: `write a contract for each, or publish by name what is to be captured: ${way.name}.stays_3 is published because ${way.name}.stays is`,
  });

  const added = leaf('stays_3');
  await writeFile(join(way.folder, 'contracts', 'stays_3.yaml'), contractOf(way.name, added));
  await way.commit('INSERT INTO stays VALUES (205, 3, 0)');
  await way.drain('capture');
  await expectEqual();
  const seen = await seenIn(way, [`${way.name}.stays_3`], way.source);
  // What was inserted before it had a contract was copied; what came after may have come both ways.
  expect(new Set(seen.map(({ op, recordKey }) => `${op} ${recordKey}`))).toEqual(
    new Set(['insert {"id":204,"place":3}', 'insert {"id":205,"place":3}']),
  );
});
