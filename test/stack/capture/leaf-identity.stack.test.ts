import { afterAll, beforeAll, expect, test } from 'vitest';
import { decoded } from '../way/letters.ts';
import { readAll } from '../way/records.ts';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';

const papers: TestTable = {
  name: 'papers',
  tenant: null,
  subject: null,
  relationships: [],
  ddl: [
    'CREATE TABLE papers (id bigint PRIMARY KEY, note text, doc text) PARTITION BY RANGE (id)',
    'ALTER TABLE papers ALTER COLUMN doc SET STORAGE EXTERNAL',
    'ALTER TABLE papers REPLICA IDENTITY FULL',
  ],
  columns: [keep('id', 'bigint', { keyPosition: 1 }), keep('note', 'text'), keep('doc', 'text')],
};

let way: Way;
beforeAll(async () => {
  way = await openWay([papers]);
  await way.drain('capture');
});
afterAll(() => way?.[Symbol.asyncDispose]());

test('what a leaf did not tell of an old row is unchanged, and no null', async () => {
  // A new leaf has the replica identity DEFAULT, whatever its table has.
  await way.commit('CREATE TABLE papers_1 PARTITION OF papers FOR VALUES FROM (0) TO (9)');
  await way.commit(`INSERT INTO papers VALUES (1, 'a', repeat('long', 5000))`);
  await way.commit('UPDATE papers SET id = 2 WHERE id = 1');
  await way.drain('capture');
  const topic = `cdc.${way.name}.${way.name}.papers`;
  const records = await Promise.all(
    (await readAll(way.stack, [topic])).map((record) => decoded(way, record)),
  );
  const image = (op: string, id: number, side: 'before' | 'after') => {
    const found = records.find((each) => each['op'] === op && idOf(each['key']) === id);
    return found?.[side] as Readonly<Record<string, unknown>>;
  };
  expect(records.length).toBe(3);
  expect(image('insert', 2, 'after')).toMatchObject({ id: 2, note: 'a' });
  expect(image('insert', 2, 'after')['doc']?.constructor.name).toBe('Unchanged');
  expect(image('delete', 1, 'before')).toMatchObject({ id: 1 });
  expect(image('delete', 1, 'before')['note']?.constructor.name).toBe('Unchanged');
});

const idOf = (key: unknown) => (key as { readonly id: number }).id;
