import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { decoded } from '../way/letters.ts';
import { countOf, readAll } from '../way/records.ts';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';

const plain = { subject: null, tenant: null, relationships: [] } as const;
const id = keep('id', 'bigint', { keyPosition: 1 });

const things: TestTable = {
  ...plain,
  name: 'things',
  ddl: ['CREATE TABLE things (id bigint PRIMARY KEY, b text, a text)'],
  columns: [id, keep('b', 'text'), keep('a', 'text')],
};
const others: TestTable = {
  ...plain,
  name: 'others',
  ddl: ['CREATE TABLE others (id bigint PRIMARY KEY)'],
  columns: [id],
};

let way: Way;
beforeAll(async () => {
  way = await openWay([things, others]);
  await way.drain('capture');
  await way.source.query(
    sql`ALTER DATABASE ${sql.ident(way.name)} SET logical_decoding_work_mem = '64kB'`,
  );
});
afterAll(() => way?.[Symbol.asyncDispose]());

const streamed = async () => {
  const [stats] = (await way.source.query(sql`
    SELECT stream_txns::int AS count FROM pg_stat_replication_slots
    WHERE slot_name = ${way.name}`)) as readonly { readonly count: number }[];
  return stats?.count ?? 0;
};

test('a table that changed its form while a transaction was streamed is read in the new form afterwards', async () => {
  await using worker = way.start(['run', 'capture']);
  await worker.running();
  await way.source.task(async (long) => {
    await long.query(sql`BEGIN`);
    await long.query(sql`SAVEPOINT s`);
    await long.query(
      sql`INSERT INTO things SELECT n, 'secret', 'public' FROM generate_series(100, 2000) n`,
    );
    await vi.waitFor(async () => expect(await streamed()).toBeGreaterThan(0), {
      timeout: 20_000,
      interval: 50,
    });
    await long.query(sql`ROLLBACK TO s`); // And its lock on the table is gone.
    await way.commit(
      'ALTER TABLE things DROP COLUMN b',
      'ALTER TABLE things ADD COLUMN c text',
      `INSERT INTO things VALUES (2, 'a of 2', 'c of 2')`,
    );
    await long.query(sql`INSERT INTO others VALUES (1)`);
    await long.query(sql`COMMIT`);
  });
  await way.commit(`INSERT INTO things VALUES (3, 'a of 3', 'c of 3')`);
  const topic = `cdc.${way.name}.${way.name}.things`;
  await vi.waitFor(
    async () => expect(await countOf(way.stack, [topic]), worker.stderr).toBeGreaterThanOrEqual(2),
    { timeout: 20_000, interval: 100 },
  );
  expect(worker.stderr).not.toContain('lost a server');
  const records = await readAll(way.stack, [topic]);
  const rows = await Promise.all(records.map((record) => decoded(way, record)));
  expect(rows.length, worker.stderr).toBe(2);
  expect(rows.map(({ after }) => after)).toEqual(
    expect.arrayContaining([
      { id: 2, a: 'a of 2' },
      { id: 3, a: 'a of 3' },
    ]),
  );
});
