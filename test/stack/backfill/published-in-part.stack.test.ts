import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Compared } from '../../../pipelines/compare/compare.ts';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';
import type { Worker } from '../way/worker.ts';
import { asText, byOffset, byPosition, changesOf } from './folded.ts';

const plain = { tenant: null, subject: null, relationships: [] } as const;
const id = keep('id', 'bigint', { keyPosition: 1 });

/** Of one column nobody is told, and no contract speaks of it. */
const listed: TestTable = {
  ...plain,
  name: 'listed',
  ddl: [
    'CREATE TABLE listed (hidden text, body text, id bigint PRIMARY KEY, n integer)',
    'ALTER TABLE listed ALTER body SET STORAGE EXTERNAL',
  ],
  columns: [id, keep('n', 'integer'), keep('body', 'text')],
};

/** Rows come and go as an update makes them pass. */
const filtered: TestTable = {
  ...plain,
  name: 'filtered',
  ddl: [
    'CREATE TABLE filtered (id bigint PRIMARY KEY, n integer, body text)',
    'ALTER TABLE filtered ALTER body SET STORAGE EXTERNAL',
    'ALTER TABLE filtered REPLICA IDENTITY FULL',
  ],
  columns: [id, keep('n', 'integer'), keep('body', 'text')],
};

const summed: TestTable = {
  ...plain,
  name: 'summed',
  ddl: [
    `CREATE TABLE summed (id bigint PRIMARY KEY, n integer, twice bigint GENERATED ALWAYS AS (n * 2) STORED,
      thrice integer GENERATED ALWAYS AS (n * 3) VIRTUAL, said text GENERATED ALWAYS AS ('n' || abs(n)) STORED)`,
  ],
  columns: [id, keep('n', 'integer'), keep('twice', 'bigint'), keep('said', 'text')],
};

const long = `repeat(md5(n::text), 100)`;
let way: Way;
let capture: Worker;

beforeAll(async () => {
  way = await openWay([listed, filtered, summed]);
  await way.commit(
    `CREATE PUBLICATION ${way.name} FOR TABLE listed (id, n, body), filtered WHERE (n > 10 AND body IS NOT NULL), summed
      WITH (publish_generated_columns = stored)`,
    `INSERT INTO listed SELECT 'nobody knows', ${long}, n, n FROM generate_series(1, 30) n`,
    `INSERT INTO filtered SELECT n, n, ${long} FROM generate_series(1, 30) n`,
    `INSERT INTO summed SELECT n, n FROM generate_series(1, 30) n`,
  );
  capture = way.start(['run', 'capture']);
  await capture.running();
  await way.commit(
    `UPDATE listed SET hidden = 'still', n = -n WHERE id % 3 = 0`, // The body is not sent.
    `INSERT INTO listed VALUES ('more', 'new', 31, 31)`,
    'DELETE FROM listed WHERE id = 1',
    'UPDATE filtered SET n = 21 - n WHERE n BETWEEN 5 AND 16',
    'DELETE FROM filtered WHERE id = 30',
    'INSERT INTO filtered VALUES (31, 31, NULL)',
    `INSERT INTO filtered VALUES (32, 32, 'new'), (33, 3, 'new')`,
    'UPDATE summed SET n = -n WHERE id % 3 = 0',
    'INSERT INTO summed (id, n) VALUES (31, NULL)',
  );
});

afterAll(() => way?.[Symbol.asyncDispose]());

const cases = [
  ['a column list', 'listed', ['id', 'n', 'body'], sql`SELECT id, n, body FROM listed`],
  [
    'a row filter',
    'filtered',
    ['id', 'n', 'body'],
    sql`SELECT id, n, body FROM filtered WHERE n > 10 AND body IS NOT NULL`,
  ],
  [
    'published generated columns',
    'summed',
    ['id', 'n', 'twice', 'said'],
    sql`SELECT id, n, twice, said FROM summed`,
  ],
] as const;

test.for(cases)(
  'with %s, stream, first copy and another copy bring the same, and no more',
  async ([, name, columns, query]) => {
    const rows = (await way.source.query(query)) as readonly Record<string, unknown>[];
    const wanted = rows.map((row) => columns.map((column) => String(row[column])).join('|'));
    for (const more of [['--compare'], ['--wait']]) {
      const args = ['backfill', '--table', `${way.name}.${name}`, ...more, '--json'];
      const { code, stdout, stderr } = await way.start(args).ended;
      expect(stdout, stderr + capture.stderr).toMatch(/^\{/);
      const json = JSON.parse(stdout) as { readonly compared?: Compared } & Compared;
      expect(json.compared ?? json).toMatchObject({ equal: true, partial: false });
      expect((json.compared ?? json).source.rows).toBe(rows.length);
      expect(code).toBe(0);
      const read = await changesOf(way, name);
      for (const fold of [byOffset(read), byPosition(read)])
        expect(asText(fold, columns)).toEqual(wanted.toSorted());
      for (const { change } of read)
        for (const image of [change.before, change.after])
          expect(
            Object.keys(image ?? {}).filter((each) => !columns.some((c) => c === each)),
          ).toEqual([]);
    }
  },
);

test('what the publication leaves out is not said to be sealed', async () => {
  expect(capture.stderr).not.toContain('hidden');
  expect(capture.stderr).not.toContain('thrice');
});
