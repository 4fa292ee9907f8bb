import { afterAll, beforeAll, expect, test } from 'vitest';
import { changesTopic } from '../../../contracts/topics.ts';
import { changesOf } from '../backfill/folded.ts';
import { lettersOf } from '../way/letters.ts';
import { adminOf } from '../way/records.ts';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';

const rows = 2_000;
const topicBytes = 64 * 1024;

const noise: TestTable = {
  name: 'noise',
  tenant: null,
  subject: null,
  relationships: [],
  ddl: ['CREATE TABLE noise (id bigint PRIMARY KEY, body text)'],
  columns: [keep('id', 'bigint', { keyPosition: 1 }), keep('body', 'text')],
};

/** Rows of text that does not become short by compression. */
const write = (from: number) =>
  `INSERT INTO noise SELECT n, (SELECT string_agg(md5(random()::text || n || m), '') FROM generate_series(1, 60) m)
   FROM generate_series(${from}, ${from + rows - 1}) n`;

let way: Way;

beforeAll(async () => {
  way = await openWay([noise]);
  await using admin = await adminOf(way.stack);
  const topic = changesTopic(way.name, `${way.name}.noise`);
  const configEntries = [{ name: 'max.message.bytes', value: `${topicBytes}` }];
  await admin.createTopics({ topics: [{ topic, numPartitions: 12, configEntries }] });
});

afterAll(() => way?.[Symbol.asyncDispose]());

test('a topic that somebody made for small messages gets all rows, copied and streamed, in batches that it takes', async () => {
  await way.commit(write(1));
  await way.drain('capture');
  await way.commit(write(rows + 1));
  await way.drain('capture');
  const ids = (await changesOf(way, 'noise')).map(({ change }) => String(change.after?.['id']));
  expect(ids.length).toBe(2 * rows);
  expect(new Set(ids).size).toBe(2 * rows);
  expect(await lettersOf(way, 'capture', way.name)).toEqual([]);
});
