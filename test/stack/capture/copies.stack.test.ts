import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';
import { printSeed, seed } from './seed.ts';
import { faultTables } from './tables.ts';
import { truthOf } from './truth.ts';
import { type Writer, writerTo, writeUntil } from './workload.ts';

const rows = 16_000;

/** A row to a block, so that few rows are more ranges than are read before the last strike. */
const shelves: TestTable = {
  name: 'shelves',
  tenant: null,
  subject: null,
  relationships: [],
  ddl: [
    'CREATE TABLE shelves (id bigint PRIMARY KEY, n integer, label text) WITH (fillfactor = 10)',
    `INSERT INTO shelves SELECT g, 0, repeat('x', 500) FROM generate_series(1, ${rows}) g`,
  ],
  columns: [keep('id', 'bigint', { keyPosition: 1 }), keep('n', 'integer'), keep('label', 'text')],
};

let way: Way;
let writer: Writer;

beforeAll(async () => {
  printSeed();
  way = await openWay([shelves, ...faultTables]);
  writer = await writerTo(way.urls.source, { seed, schema: way.name });
  await writer.run(20); // What is there before anything is captured.
});

afterAll(async () => {
  await writer?.[Symbol.asyncDispose]();
  await way?.[Symbol.asyncDispose]();
});

const shelvesChange = (step: number) =>
  way.commit(
    `UPDATE shelves SET n = n + 1 WHERE id % 97 = ${step}`,
    `DELETE FROM shelves WHERE id % 1009 = ${step}`,
    `INSERT INTO shelves VALUES (${rows + 1 + step}, 0, 'new')`,
  );

async function statuses(): Promise<readonly string[]> {
  const found = (await way.state.query(
    sql`SELECT status FROM cdc_backfills WHERE stream = ${`${way.name}/${way.name}`}`,
  )) as readonly { readonly status: string }[];
  return found.map(({ status }) => status);
}

/** Runs capture until it is struck. */
async function struck(failpoint: string, step: number): Promise<void> {
  await using worker = way.start(['run', 'capture'], undefined, { CONDUCTOR_FAILPOINT: failpoint });
  await shelvesChange(step);
  const { signal, stderr } = await writeUntil(writer, worker.ended).catch(
    async (cause: unknown) => {
      const runs = (await statuses()).join(', ');
      throw new Error(`${failpoint} was not reached (copies: ${runs}): ${worker.stderr}`, {
        cause,
      });
    },
  );
  expect(signal, `${failpoint}: ${stderr}`).toBe('SIGKILL');
}

test('a first copy that is killed again and again ends with every row as it is', async () => {
  for (const [step, failpoint] of [
    'copying:2',
    'produced:2',
    'copying:4',
    'copied',
    'progressed',
    'copying',
  ].entries())
    await struck(failpoint, step);
  expect(await statuses()).toContain('running');
  await way.drain('capture');
  expect(new Set(await statuses())).toEqual(new Set(['done']));
  const { faults, all } = await truthOf(way);
  expect(faults).toEqual([]);
  expect(all.length).toBeGreaterThan(rows);
});

test('a copy beside a busy stream that is killed anywhere ends with every row as it is', async () => {
  const stream = `${way.name}/${way.name}`;
  for (const table of ['shelves', 'notes', 'things'])
    await way.state.query(
      sql`INSERT INTO cdc_backfills (stream, table_name) VALUES (${stream}, ${`${way.name}.${table}`})`,
    );
  await struck('copying:2', 50);
  await struck('copied:2', 51);
  await using worker = way.start(['run', 'capture']);
  await vi.waitFor(
    async () => {
      await writer.run(1);
      expect(new Set(await statuses())).toEqual(new Set(['done']));
    },
    { timeout: 60_000 },
  );
  worker.kill('SIGTERM');
  await worker.ended;
  await way.drain('capture');
  expect((await truthOf(way)).faults).toEqual([]);
});
