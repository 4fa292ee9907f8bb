import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { decoded, lettersOf } from '../way/letters.ts';
import { readAll } from '../way/records.ts';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';

const things: TestTable = {
  name: 'things',
  tenant: null,
  subject: null,
  relationships: [],
  ddl: ['CREATE TABLE things (id bigint PRIMARY KEY, price text)'],
  columns: [keep('id', 'bigint', { keyPosition: 1 }), keep('price', 'text')],
};

let way: Way;
beforeAll(async () => {
  way = await openWay([things]);
  const name = sql.ident(way.name);
  await way.source.query(
    sql`CREATE PUBLICATION ${name} FOR TABLES IN SCHEMA ${name} WITH (publish_via_partition_root = true)`,
  );
  await way.drain('capture');
});
afterAll(() => way?.[Symbol.asyncDispose]());

const captured = async () => {
  const topic = `cdc.${way.name}.${way.name}.things`;
  const records = await readAll(way.stack, [topic]);
  const rows = await Promise.all(records.map((record) => decoded(way, record)));
  return rows.map(({ after }) => after);
};

test('a type whose binary form nobody reads, gone again before it is captured, holds nothing up', async () => {
  await way.commit(
    'ALTER TABLE things ALTER price TYPE money USING price::money',
    `INSERT INTO things VALUES (1, '12.50')`,
  );
  await way.commit(
    'ALTER TABLE things ALTER price TYPE text USING price::text',
    `INSERT INTO things VALUES (2, 'free')`,
  );
  const { code, stderr } = await way.start(['run', 'capture', '--until-current']).ended;
  expect(code, stderr).toBe(0);
  expect(stderr).toContain('the slot has values of which only the text is known');
  expect(stderr).toContain('column price: type money');
  expect(stderr).not.toContain('lost a server');
  expect(await captured()).toEqual(
    expect.arrayContaining([
      { id: 1, price: '$12.50' },
      { id: 2, price: 'free' },
    ]),
  );
});

test('a table that nobody promised, made under way, becomes letters whatever its types, and stops no other', async () => {
  await using worker = way.start(['run', 'capture']);
  await worker.running();
  await way.commit(
    `CREATE TYPE mood AS ENUM ('glad')`,
    'CREATE TABLE strange (id integer PRIMARY KEY, mood mood)',
    `INSERT INTO strange VALUES (1, 'glad')`,
    'INSERT INTO things VALUES (3, NULL)',
  );
  await vi.waitFor(async () => expect(await captured()).toContainEqual({ id: 3, price: null }), {
    timeout: 20_000,
    interval: 200,
  });
  // Letters have a sink of their own, which may be behind that of the changes.
  const reasons = async () =>
    (await lettersOf(way, 'capture', `${way.name}@`)).map(({ letter }) => letter['reason']);
  await vi.waitFor(async () => expect(await reasons()).toEqual(['no-contract']), {
    timeout: 20_000,
    interval: 200,
  });
});
