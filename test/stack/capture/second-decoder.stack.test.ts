import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { literal } from '../type-stream.ts';
import { ownTypes, typeCases } from '../type-compounds.ts';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';
import { type Judge, judgeOf } from './judge.ts';
import { printSeed, seed } from './seed.ts';
import { faultTables } from './tables.ts';
import { identifier } from './texts.ts';
import { writerTo } from './workload.ts';

/** Types of the test's own are in `public`, where whoever reads finds them by the same name. */
const inPublic = ownTypes.map((each) =>
  each
    .replace(/^CREATE (TYPE|DOMAIN) /, 'CREATE $1 public.')
    .replace(/^(CREATE EXTENSION \w+)/, '$1 SCHEMA public'),
);
const columnName = (index: number) => (index % 2 === 0 ? `c${index}` : `C ${index} "ö"`);
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

const wide: TestTable = {
  name: 'wide',
  tenant: null,
  subject: null,
  relationships: [],
  ddl: [
    ...inPublic,
    `CREATE TABLE wide (id bigint PRIMARY KEY, ${typeCases.map(({ type }, index) => `${quoted(columnName(index))} ${type}`).join(', ')})`,
  ],
  columns: [
    keep('id', 'bigint', { keyPosition: 1 }),
    ...typeCases.map(({ type }, index) => keep(columnName(index), type)),
  ],
};

let way: Way;
let judge: Judge;

beforeAll(async () => {
  printSeed();
  way = await openWay([wide, ...faultTables]);
  await way.drain('capture');
  judge = await judgeOf(way);
});

afterAll(() => way?.[Symbol.asyncDispose]());

const rows = Math.max(...typeCases.map(({ values }) => values.length));

/** The values of a row: of each type one, in turn. */
const valuesOf = (row: number) =>
  typeCases.map(({ type, values }, index) => {
    const text = values[row];
    const value = text === undefined ? sql`NULL` : literal(text, type);
    return { name: columnName(index), value };
  });

test('every type is told as the server’s own test decoder tells it, old rows and new', async () => {
  for (let row = 0; row < rows; row++) {
    const values = valuesOf(row).map(({ value }) => value);
    await way.source.query(sql`INSERT INTO wide VALUES (${row}, ${sql.join(values, ', ')})`);
  }
  await way.commit('ALTER TABLE wide REPLICA IDENTITY FULL');
  for (let row = 0; row < rows; row++) {
    const sets = valuesOf((row + 1) % rows).map(
      ({ name, value }) => sql`${identifier(name)} = ${value}`,
    );
    await way.source.query(sql`UPDATE wide SET ${sql.join(sets, ', ')} WHERE id = ${row}`);
  }
  await way.commit(
    'UPDATE wide SET id = id + 1000 WHERE id % 3 = 0',
    'DELETE FROM wide WHERE id % 5 = 0',
  );
  await way.drain('capture');
  const { compared, explained } = await judge.judge();
  expect(compared).toBeGreaterThan(typeCases.length * rows * 3);
  expect(Object.keys(explained)).toEqual(['a changed key is a delete and an insert']);
});

test('a random history is told as the server’s own test decoder tells it, change by change', async () => {
  await Promise.all(
    [0, 1, 2].map(async (each) => {
      await using writer = await writerTo(way.urls.source, {
        seed: seed * 10 + each,
        schema: way.name,
        ddl: true,
        twoPhase: true,
      });
      await writer.run(60);
    }),
  );
  await way.drain('capture');
  const { compared, explained } = await judge.judge();
  expect(compared).toBeGreaterThan(5_000);
  expect(Object.keys(explained).toSorted()).toEqual([
    'a changed key is a delete and an insert',
    'unchanged, and told by nobody',
    'unchanged, and told by the old row',
  ]);
});
