import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { decoded } from '../way/letters.ts';
import { countOf, readAll } from '../way/records.ts';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';

const things: TestTable = {
  name: 'things',
  tenant: null,
  subject: null,
  relationships: [],
  ddl: ['CREATE TABLE things (id bigint PRIMARY KEY, b text, a text)'],
  columns: [keep('id', 'bigint', { keyPosition: 1 }), keep('b', 'text'), keep('a', 'text')],
};
const patience = { timeout: 20_000, interval: 50 };

let way: Way;
let file: string;
beforeAll(async () => {
  way = await openWay([things]);
  file = await way.variant(({ source }) => (source['twoPhase'] = true));
  const { code, stderr } = await way.start(['run', 'capture', '--until-current'], file).ended;
  expect(code, stderr).toBe(0);
});
afterAll(() => way?.[Symbol.asyncDispose]());

/** Runs statements one by one, and waits until the server has sent what they did. */
async function run(...statements: readonly string[]): Promise<void> {
  await way.source.task(async (task) => {
    for (const statement of statements) await task.query(sql.__dangerous__rawValue(statement));
  });
  const [head] = await way.source.query(sql`SELECT pg_current_wal_insert_lsn()::text AS lsn`);
  await vi.waitFor(async () => {
    const rows = await way.source.query(sql`
      SELECT sent_lsn >= ${head.lsn}::pg_lsn AS sent
      FROM pg_stat_replication JOIN pg_replication_slots ON active_pid = pid
      WHERE slot_name = ${way.name}`);
    expect(rows).toEqual([{ sent: true }]);
  }, patience);
}

test('a prepared transaction leaves no form behind that others do not have, nor is it read in theirs', async () => {
  const gid = (n: number) => `'${way.name}_${n}'`;
  await using worker = way.start(['run', 'capture'], file);
  await worker.running();
  await run(`INSERT INTO things VALUES (1, 'b', 'a')`);
  await run(
    'BEGIN',
    'ALTER TABLE things ADD COLUMN c text',
    `INSERT INTO things VALUES (2, 'b', 'a', 'c')`,
    `PREPARE TRANSACTION ${gid(1)}`,
  );
  await run(`ROLLBACK PREPARED ${gid(1)}`);
  await run(`INSERT INTO things VALUES (3, 'b', 'a')`);
  await run('BEGIN', `INSERT INTO things VALUES (4, 'b', 'a')`, `PREPARE TRANSACTION ${gid(2)}`);
  await run(`ALTER PUBLICATION ${way.name} SET TABLE things (id, a)`);
  await run(`INSERT INTO things VALUES (5, 'b', 'a')`);
  await run(`COMMIT PREPARED ${gid(2)}`);
  await run(`INSERT INTO things VALUES (6, 'b', 'a')`);

  const topic = `cdc.${way.name}.${way.name}.things`;
  await vi.waitFor(
    async () => expect(await countOf(way.stack, [topic]), worker.stderr).toBe(5),
    patience,
  );
  const records = await readAll(way.stack, [topic]);
  const rows = await Promise.all(records.map((record) => decoded(way, record)));
  const images = rows.map(({ after }) => after as { readonly id: number });
  expect(images.toSorted((a, b) => a.id - b.id)).toEqual([
    { id: 1, b: 'b', a: 'a' },
    { id: 3, b: 'b', a: 'a' },
    { id: 4, b: 'b', a: 'a' },
    { id: 5, a: 'a' },
    { id: 6, a: 'a' },
  ]);
  expect(worker.stderr).not.toContain('lost a server');
});
