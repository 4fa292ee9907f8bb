import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from '../../../ops/demo/database.ts';
import { sqlName } from '../../../contracts/sql-name.ts';
import { sql } from '@databases/pg';
import { changesTopic, governedTopic } from '../../../contracts/topics.ts';
import { readAll } from './records.ts';
import { keep, type TestTable } from './tables.ts';
import { openWay, type Way } from './way.ts';

const table: TestTable = {
  name: 'Pe"öple of Zürich',
  tenant: null,
  subject: null,
  relationships: [],
  ddl: [
    `CREATE TABLE "Pe""öple of Zürich" ("Nr." bigint, "Straße" text, "order" integer, "日本" boolean,
      "2" integer DEFAULT 2, "1" integer DEFAULT 1, "__proto__" text DEFAULT 'none', "constructor" text,
      PRIMARY KEY ("Nr.", "2", "1"))`,
    `INSERT INTO "Pe""öple of Zürich" VALUES (1, 'Bahnhofstraße', 1, true)`,
  ],
  columns: [
    keep('Nr.', 'bigint', { keyPosition: 1 }),
    keep('Straße', 'text'),
    keep('order', 'integer'),
    keep('日本', 'boolean'),
    keep('2', 'integer', { keyPosition: 2 }),
    keep('1', 'integer', { keyPosition: 3 }),
    keep('__proto__', 'text'),
    keep('constructor', 'text'),
  ],
};

let way: Way;
beforeAll(async () => {
  way = await openWay([table]);
});
afterAll(() => way?.[Symbol.asyncDispose]());

test('names with quotes, blanks, dots and letters of any script go all the way to the mirror', async () => {
  const pipelines = ['capture', 'govern', 'deliver-postgres'];
  await way.drain(...pipelines);
  await way.commit(
    `INSERT INTO "Pe""öple of Zürich" VALUES (2, NULL, 2, false), (3, 'x', 3, NULL)`,
    `UPDATE "Pe""öple of Zürich" SET "Straße" = 'Langstraße' WHERE "Nr." = 1`,
    `DELETE FROM "Pe""öple of Zürich" WHERE "Nr." = 3`,
  );
  await way.drain(...pipelines);
  const mirror = openDatabase(way.urls.mirror);
  const rows = await mirror.query(
    sql`SELECT "Nr."::text, "Straße", "order", "日本", "2", "1", "__proto__" AS proto, "constructor"
      FROM ${sqlName(way.name, table.name)} ORDER BY 1`,
  );
  await mirror.dispose();
  const same = { 2: 2, 1: 1, proto: 'none', constructor: null };
  expect(rows).toEqual([
    { 'Nr.': '1', Straße: 'Langstraße', order: 1, 日本: true, ...same },
    { 'Nr.': '2', Straße: null, order: 2, 日本: false, ...same },
  ]);
});

test('a key of which columns have numbers for names keeps its text and its lane all along the way', async () => {
  const lanes = async (topic: string) => {
    const records = await readAll(way.stack, [topic]);
    return new Set(records.map(({ key, partition }) => `${key?.toString()} in ${partition}`));
  };
  const name = `${way.name}.${table.name}`;
  const captured = await lanes(changesTopic(way.name, name));
  expect(captured.size).toBe(3);
  expect(await lanes(governedTopic(way.name, name))).toEqual(captured);
});
