import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';

const things: TestTable = {
  name: 'things',
  ddl: [
    'CREATE TABLE things (id bigint PRIMARY KEY, kind text, code text, at timestamptz)',
    `INSERT INTO things SELECT n,
       CASE WHEN n % 10 = 0 THEN NULL WHEN n = 11 THEN '' WHEN n = 12 THEN 'odd-secret' ELSE 'even' END,
       'c' || n % 95, CASE WHEN n <= 3 THEN now() - interval '3 years' ELSE now() END
     FROM generate_series(1, 100) n`,
  ],
  tenant: null,
  subject: null,
  columns: [
    keep('id', 'bigint', { keyPosition: 1 }),
    keep('kind', 'text'),
    keep('code', 'text'),
    keep('at', 'timestamp with time zone'),
  ],
  relationships: [],
};

let way: Way;

beforeAll(async () => {
  way = await openWay([things]);
});

afterAll(() => way[Symbol.asyncDispose]());

interface Document {
  slaProperties?: unknown;
  schema: [{ quality?: unknown; properties: { name: string; quality?: unknown }[] }];
}

/** Writes the contract of the table with other promises, and measures them. */
async function measured(change: (document: Document) => void, ...args: readonly string[]) {
  const path = join(way.folder, 'contracts', 'things.yaml');
  const document = parse(await readFile(path, 'utf8')) as Document;
  delete document.slaProperties;
  delete document.schema[0].quality;
  for (const column of document.schema[0].properties) delete column.quality;
  change(document);
  await writeFile(path, stringify(document));
  return way.start(['contract', 'check', '--data', ...args]).ended;
}

const ofColumn =
  (name: string, ...quality: readonly object[]) =>
  ({ schema }: Document) => {
    schema[0].properties.find((column) => column.name === name)!.quality = quality;
  };

const rules: readonly (readonly [string, (document: Document) => void, number, number, boolean])[] =
  [
    ['nulls', ofColumn('kind', { metric: 'nullValues', mustBe: 10 }), 10, 100, true],
    [
      'nulls in percent',
      ofColumn('kind', { metric: 'nullValues', mustBeLessThan: 10, unit: 'percent' }),
      10,
      100,
      false,
    ],
    [
      'what is missing',
      ofColumn('kind', {
        metric: 'missingValues',
        arguments: { missingValues: [null, ''] },
        mustBe: 11,
      }),
      11,
      100,
      true,
    ],
    [
      'what is not in a list',
      ofColumn('kind', {
        metric: 'invalidValues',
        arguments: { validValues: ['even'] },
        mustBe: 0,
      }),
      2,
      100,
      false,
    ],
    [
      'what has another form',
      ofColumn('kind', { metric: 'invalidValues', arguments: { pattern: '^[a-z]*$' }, mustBe: 0 }),
      1,
      100,
      false,
    ],
    ['repeats', ofColumn('code', { metric: 'duplicateValues', mustBe: 0 }), 5, 100, false],
    ['no repeats', ofColumn('id', { metric: 'duplicateValues', mustBe: 0 }), 0, 100, true],
    [
      'rows',
      ({ schema }) => {
        schema[0].quality = [{ metric: 'rowCount', mustBeBetween: [1, 100] }];
      },
      100,
      100,
      true,
    ],
    [
      'repeats together',
      ({ schema }) => {
        schema[0].quality = [
          { metric: 'duplicateValues', arguments: { properties: ['kind', 'code'] }, mustBe: 0 },
        ];
      },
      4, // Where one of them is null there is nothing to repeat.
      100,
      false,
    ],
    [
      'old rows',
      (document) => {
        document.slaProperties = [{ property: 'retention', value: 1, unit: 'y', element: 'at' }];
      },
      3,
      100,
      false,
    ],
  ];

test.for(rules)('%s: counted on the source', async ([, change, found, rows, isKept]) => {
  const ended = await measured(change, '--json');
  const { quality } = JSON.parse(ended.stdout) as { quality: readonly unknown[] };
  expect(quality).toEqual([
    expect.objectContaining({ found, rows, outcome: isKept ? 'kept' : 'broken' }),
  ]);
  expect(ended.code).toBe(isKept ? 0 : 3);
  expect(ended.stdout + ended.stderr).not.toContain('odd-secret');
});

test('a warning breaks nothing, and what cannot be measured is no promise kept', async () => {
  const warned = await measured(
    ofColumn('kind', { metric: 'nullValues', mustBe: 0, severity: 'warning' }),
  );
  expect([warned.code, warned.stdout]).toEqual([
    0,
    expect.stringMatching(/broken .*10 of 100 rows/),
  ]);

  const unknown = await measured(
    ofColumn('kind', { metric: 'invalidValues', arguments: { pattern: '(' }, mustBe: 0 }),
  );
  expect([unknown.code, unknown.stdout]).toEqual([
    3,
    expect.stringMatching(/unknown .*SQLSTATE 2201B/),
  ]);
});
