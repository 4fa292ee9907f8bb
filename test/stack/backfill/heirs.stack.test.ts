import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Compared } from '../../../pipelines/compare/compare.ts';
import { runsAt } from '../../../pipelines/backfill/runs.ts';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';
import { changesOf } from './folded.ts';

const table = (name: string, ...ddl: readonly string[]): TestTable => ({
  name,
  ddl,
  tenant: null,
  subject: null,
  relationships: [],
  columns: [keep('id', 'bigint', { keyPosition: 1 }), keep('n', 'integer'), keep('body', 'text')],
});

let way: Way;

beforeAll(async () => {
  way = await openWay([
    table(
      'parent',
      'CREATE TABLE parent (id bigint PRIMARY KEY, n integer, body text)',
      'ALTER TABLE parent ALTER body SET STORAGE EXTERNAL',
    ),
    table('heir', 'CREATE TABLE heir (PRIMARY KEY (id)) INHERITS (parent)'),
  ]);
  await way.commit(
    `INSERT INTO parent VALUES (1, 1, repeat('parent', 1000))`,
    `INSERT INTO heir VALUES (1, 1, repeat('heir', 1000)), (2, 2, 'heir')`,
  );
  await way.drain('capture');
});

afterAll(() => way?.[Symbol.asyncDispose]());

test('rows of a table that inherits from another are its own: in copies, in what is sent ahead, and compared', async () => {
  await using runs = await runsAt(way.urls.state, `${way.name}/${way.name}`);
  await runs.request(`${way.name}.parent`, null);
  await runs.set(`${way.name}.parent`, 'paused'); // From then on updates have their base sent ahead.
  await using worker = way.start(['run', 'capture']);
  await worker.running();
  await way.commit('UPDATE ONLY parent SET n = 3'); // The body is not sent.
  for (const [name, rows] of [['parent', 1] as const, ['heir', 2] as const]) {
    const args = ['backfill', '--compare', '--table', `${way.name}.${name}`, '--json'];
    const { stdout, stderr } = await way.start(args).ended;
    expect(stdout, stderr + worker.stderr).toMatch(/^\{/);
    expect(JSON.parse(stdout) as Compared).toMatchObject({ equal: true, source: { rows } });
  }
  const bases = (await changesOf(way, 'parent')).filter(({ change }) =>
    change.log.endsWith('/base'),
  );
  expect(bases.map(({ change }) => String(change.after?.['body']).slice(0, 6))).toEqual(['parent']);
});
