import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { runsAt } from '../../../pipelines/backfill/runs.ts';
import { countOf } from '../way/records.ts';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';

const plain = { tenant: null, subject: null, relationships: [] } as const;
const papers: TestTable = {
  ...plain,
  name: 'papers',
  ddl: [
    'CREATE TABLE papers (title text PRIMARY KEY, n integer, body text)',
    'ALTER TABLE papers ALTER COLUMN body SET STORAGE EXTERNAL',
  ],
  columns: [keep('title', 'text', { keyPosition: 1 }), keep('n', 'integer'), keep('body', 'text')],
};
const others: TestTable = {
  ...plain,
  name: 'others',
  ddl: ['CREATE TABLE others (id bigint PRIMARY KEY)'],
  columns: [keep('id', 'bigint', { keyPosition: 1 })],
};

let way: Way;
beforeAll(async () => {
  way = await openWay([papers, others]);
  await way.drain('capture');
});
afterAll(() => way?.[Symbol.asyncDispose]());

test('a key that fits its column no longer, while a copy is under way, holds up nothing and is in no log', async () => {
  await using runs = await runsAt(way.urls.state, `${way.name}/${way.name}`);
  await runs.request(`${way.name}.papers`, null);
  await runs.set(`${way.name}.papers`, 'paused'); // From then on updates have their base sent ahead.
  await using worker = way.start(['run', 'capture']);
  await worker.running();
  worker.kill('SIGSTOP');
  await way.commit(`INSERT INTO papers VALUES ('a title of secrets', 1, repeat('long', 5000))`);
  await way.commit('UPDATE papers SET n = 2');
  await way.commit('ALTER TABLE papers ALTER title TYPE integer USING length(title)');
  await way.commit('INSERT INTO others VALUES (1)');
  worker.kill('SIGCONT');
  const topics = ['papers', 'others'].map((name) => `cdc.${way.name}.${way.name}.${name}`);
  await vi.waitFor(async () => expect(await countOf(way.stack, topics)).toBe(3), {
    timeout: 20_000,
    interval: 100,
  });
  expect(worker.stderr).not.toContain('lost a server');
  expect(worker.stderr).not.toContain('secrets');
});
