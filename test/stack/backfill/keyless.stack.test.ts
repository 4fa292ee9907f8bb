import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { runsAt } from '../../../pipelines/backfill/runs.ts';
import { compare } from '../../../schemas/position.ts';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';
import { changesOf } from './folded.ts';

const tableOf = (name: string, ...more: readonly string[]): TestTable => ({
  name,
  tenant: null,
  subject: null,
  relationships: [],
  ddl: [`CREATE TABLE ${name} (n integer, what text) ${more[0] ?? ''}`, ...more.slice(1)],
  columns: [keep('n', 'integer'), keep('what', 'text')],
});
const tables = ['clicks', 'visits', 'notes', 'rewritten', 'unpublished'];

let way: Way;

/** Each in a transaction of its own, and some within a part of one that could have been undone. */
async function insert(what: string, rows = 20): Promise<void> {
  for (const table of tables)
    for (let n = 1; n <= rows; n += 2)
      await way.commit(
        `INSERT INTO ${table} VALUES (${n}, '${what}')`,
        'SAVEPOINT inner_part',
        `INSERT INTO ${table} VALUES (${n + 1}, '${what}')`,
      );
}

const statuses = async () => {
  const runs = (await way.state.query(sql`SELECT status FROM cdc_backfills`)) as readonly {
    readonly status: string;
  }[];
  return runs.map(({ status }) => status);
};

const textOf = (row: object | null): string => {
  const { n, what } = row as { readonly n: unknown; readonly what: unknown };
  return `${String(what)} ${String(n)}`;
};

async function rowsOf(table: string): Promise<readonly string[]> {
  const rows = (await way.source.query(
    sql`SELECT n, what FROM ${sql.ident(table)}`,
  )) as readonly object[];
  return rows.map(textOf).toSorted();
}

const inOrder = async (table: string) =>
  (await changesOf(way, table))
    .map(({ change }) => change)
    .toSorted((a, b) => compare(a.position, b.position));

beforeAll(async () => {
  way = await openWay([
    tableOf('clicks'),
    tableOf(
      'visits',
      'PARTITION BY LIST (what)',
      'CREATE TABLE visits_all PARTITION OF visits DEFAULT',
    ),
    tableOf('notes', '', 'ALTER TABLE notes REPLICA IDENTITY FULL'),
    tableOf('rewritten'),
    tableOf('unpublished'),
  ]);
  await insert('before');
  const struck = way.start(['run', 'capture'], undefined, { CONDUCTOR_FAILPOINT: 'copying' });
  expect((await struck.ended).signal, struck.stderr).toBe('SIGKILL');
  await insert('between'); // The slot is there, and nothing is copied.
  await way.commit(
    "UPDATE notes SET what = 'updated' WHERE n % 5 = 0",
    'DELETE FROM notes WHERE n % 7 = 0',
    'ALTER TABLE rewritten ALTER n TYPE integer USING n + 0',
  );
  await way.commit(`ALTER PUBLICATION ${way.name} DROP TABLE unpublished`);
  await way.commit("INSERT INTO unpublished VALUES (1, 'not told')");
  await using capture = way.start(['run', 'capture']); // It publishes the table again.
  await capture.running();
  await vi.waitFor(
    async () => {
      await insert('during', 2);
      expect(new Set(await statuses()), capture.stderr).toEqual(new Set(['cancelled', 'done'])); // One was replaced.
    },
    { timeout: 30_000 },
  );
  capture.kill('SIGTERM');
  await capture.ended;
  await way.drain('capture');
}, 120_000);

afterAll(() => way?.[Symbol.asyncDispose]());

test.for(['clicks', 'visits'])(
  'each row of a table without a key (%s) comes once, whenever it was inserted, copied rows first',
  async (table) => {
    const changes = await inOrder(table);
    expect(changes.map(({ after }) => textOf(after)).toSorted()).toEqual(await rowsOf(table));
    const whats = changes.map(({ after }) => after?.['what']);
    expect(whats).toEqual([
      ...whats.filter((what) => what === 'before'),
      ...whats.filter((what) => what === 'between'),
      ...whats.filter((what) => what === 'during'),
    ]);
  },
);

test('whoever takes old rows away and adds new ones has what is there of a table that was updated meanwhile', async () => {
  const rows: string[] = [];
  for (const { before, after } of await inOrder('notes')) {
    if (before && rows.includes(textOf(before))) rows.splice(rows.indexOf(textOf(before)), 1);
    if (after) rows.push(textOf(after));
  }
  expect(rows.toSorted()).toEqual(await rowsOf('notes'));
});

test.for(['rewritten', 'unpublished'])(
  'no row is lost of a table that was %s after the slot began',
  async (table) => {
    const changes = (await inOrder(table)).filter(({ op }) => op !== 'truncate');
    const came = new Set(changes.map(({ after }) => textOf(after)));
    expect([...came].toSorted()).toEqual([...new Set(await rowsOf(table))]);
  },
);

test('a copy that had failed and begins anew leaves nothing to the stream: nobody looked after the table meanwhile', async () => {
  await using runs = await runsAt(way.urls.state, 'another');
  const id = await runs.request('public.clicks', null);
  const start = { snapshot: '759:759:', files: { 'public.clicks': 16_386 } };
  await runs.startsAt('public.clicks', { timeline: 1, lsn: 8n, watermark: 0 }, start);
  expect(await runs.one(id)).toMatchObject({ start, base: { lsn: 8n } });
  await runs.become(id, 'failed', 'it is not published');
  await runs.set('public.clicks', 'waiting');
  expect(await runs.one(id)).toMatchObject({ status: 'waiting', start: null });
});
