import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from '../../../ops/demo/database.ts';
import { sqlName } from '../../../contracts/sql-name.ts';
import { sql } from '@databases/pg';
import { keep, type TestTable } from './tables.ts';
import { openWay, type Way } from './way.ts';

const table: TestTable = {
  name: 'Pe"öple of Zürich',
  tenant: null,
  subject: null,
  relationships: [],
  ddl: [
    `CREATE TABLE "Pe""öple of Zürich" ("Nr." bigint PRIMARY KEY, "Straße" text, "order" integer, "日本" boolean)`,
    `INSERT INTO "Pe""öple of Zürich" VALUES (1, 'Bahnhofstraße', 1, true)`,
  ],
  columns: [
    keep('Nr.', 'bigint', { keyPosition: 1 }),
    keep('Straße', 'text'),
    keep('order', 'integer'),
    keep('日本', 'boolean'),
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
    sql`SELECT "Nr."::text, "Straße", "order", "日本" FROM ${sqlName(way.name, table.name)} ORDER BY 1`,
  );
  await mirror.dispose();
  expect(rows).toEqual([
    { 'Nr.': '1', Straße: 'Langstraße', order: 1, 日本: true },
    { 'Nr.': '2', Straße: null, order: 2, 日本: false },
  ]);
});
