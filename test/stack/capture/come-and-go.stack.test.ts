import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Runs, runsAt } from '../../../pipelines/backfill/runs.ts';
import { asText, byOffset, byPosition, changesOf } from '../backfill/folded.ts';
import { lettersOf } from '../way/letters.ts';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';
import type { Worker } from '../way/worker.ts';
import { caughtUp } from './progress.ts';

const tableOf = (name: string, type = 'integer'): TestTable => ({
  name,
  ddl: [ddlOf(name, type)],
  tenant: null,
  subject: null,
  relationships: [],
  columns: [keep('id', 'bigint', { keyPosition: 1 }), keep('n', 'integer')],
});

const ddlOf = (name: string, type = 'integer') =>
  `CREATE TABLE ${name} (id bigint PRIMARY KEY, n ${type})`;

const names = ['anew', 'at_once', 'away', 'swapped', 'retyped', 'between', 'steady'];
const patience = { timeout: 60_000, interval: 250 };
let way: Way;
let runs: Runs;
let worker: Worker;

beforeAll(async () => {
  way = await openWay(names.map((name) => tableOf(name)));
  for (const name of names) await way.commit(`INSERT INTO ${name} VALUES (1, 1), (2, 2)`);
  await way.drain('capture');
  runs = await runsAt(way.urls.state, `${way.name}/${way.name}`);
  worker = way.start(['run', 'capture']);
  await worker.running();
});

afterAll(async () => {
  await runs?.[Symbol.asyncDispose]();
  await way?.[Symbol.asyncDispose]();
});

/** Holds what readers of a topic have of a table, in either way, against the table. */
async function isFollowed(name: string, source = name): Promise<void> {
  await vi.waitFor(async () => {
    const rows = await way.source.query(sql`SELECT id::text, n::text FROM ${sql.ident(source)}`);
    const expected = rows.map(({ id, n }) => `${id}|${n}`).toSorted();
    const read = await changesOf(way, name);
    expect(asText(byPosition(read), ['id', 'n']), worker.stderr).toEqual(expected);
    expect(asText(byOffset(read), ['id', 'n'])).toEqual(expected);
  }, patience);
}

const lettersAbout = async (name: string) =>
  (await lettersOf(way, 'capture', `${way.name}@`)).filter(
    ({ letter }) => letter['table'] === `${way.name}.${name}`,
  );

const isUnpublished = async (name: string) => {
  const metrics = await (await fetch(`${await worker.running()}/metrics`)).text();
  const line = `conductor_table_unpublished{pipeline="capture",table="${way.name}.${name}"} `;
  return metrics.split(line)[1]?.[0];
};

test('a table that is dropped and made anew while capture runs is published again, and replaces the old one for all readers', async () => {
  await way.commit('DROP TABLE anew', ddlOf('anew'), 'INSERT INTO anew VALUES (2, 20), (3, 3)');
  await isFollowed('anew');
  expect(worker.stderr).toMatch(
    new RegExp(
      `"tables":\\["${way.name}.anew"\\].*"msg":"tables under contract were not published`,
    ),
  );
  await way.commit('INSERT INTO anew VALUES (4, 4)', 'DELETE FROM anew WHERE id = 2');
  await isFollowed('anew');
  expect(await lettersAbout('anew')).toEqual([]);
});

test('a table that its owner makes anew and publishes at once replaces the old one, from its first row on', async () => {
  await way.commit(
    'INSERT INTO at_once VALUES (7, 7)',
    'DROP TABLE at_once',
    ddlOf('at_once'),
    `ALTER PUBLICATION ${way.name} ADD TABLE at_once`,
    'INSERT INTO at_once VALUES (2, 20), (3, 3)',
  );
  await way.commit('INSERT INTO at_once VALUES (4, 4)');
  await isFollowed('at_once');
  expect(await lettersAbout('at_once')).toEqual([]);
});

test('nothing stays of rows that were deleted while their table was not published', async () => {
  await way.commit(
    `ALTER PUBLICATION ${way.name} DROP TABLE away`,
    'DELETE FROM away WHERE id = 1',
    'INSERT INTO away VALUES (3, 3)',
  );
  await isFollowed('away');
  await way.commit('UPDATE away SET n = 9');
  await isFollowed('away');
});

test('a table that took the name of another is refused while that is there, and replaces it once it is gone', async () => {
  await way.commit(
    ddlOf('staged'),
    'INSERT INTO staged VALUES (2, 20)',
    'ALTER TABLE swapped RENAME TO swapped_old',
    'ALTER TABLE staged RENAME TO swapped',
    `ALTER PUBLICATION ${way.name} ADD TABLE swapped`,
  );
  await way.commit('INSERT INTO swapped VALUES (5, 5)');
  await vi.waitFor(async () => expect(await lettersAbout('swapped')).toHaveLength(1), patience);
  expect(worker.stderr).toContain('another table has taken its name');
  await isFollowed('swapped', 'swapped_old');
  await way.commit('DROP TABLE swapped_old');
  await isFollowed('swapped');
  await way.commit('INSERT INTO swapped VALUES (6, 6)');
  await isFollowed('swapped');
  expect(await lettersAbout('swapped')).toHaveLength(1);
});

test('one whose columns readers could not follow is refused, and replaces the old one once it is accepted', async () => {
  await way.commit(
    'DROP TABLE retyped',
    ddlOf('retyped', 'text'),
    "INSERT INTO retyped VALUES (2, 'two')",
  );
  await vi.waitFor(
    async () =>
      expect(
        (await runs.all()).filter(({ table }) => table === `${way.name}.retyped`).at(-1),
      ).toMatchObject({
        status: 'failed',
        message: expect.stringContaining('conductor schema accept'),
      }),
    patience,
  );
  const { code, stderr } = await way.start(['schema', 'accept', '--table', `${way.name}.retyped`])
    .ended;
  expect(code, stderr).toBe(0);
  await isFollowed('retyped');
  await way.commit("INSERT INTO retyped VALUES (3, 'three')");
  await isFollowed('retyped');
});

test('a table that comes after its contract is published and copied while capture runs', async () => {
  await way.commit('DROP TABLE steady');
  await vi.waitFor(async () => expect(await isUnpublished('steady')).toBe('1'), patience);
  expect(worker.stderr).toContain(`table ${way.name}.steady: it is not in the source database`);
  await way.commit(ddlOf('steady'), 'INSERT INTO steady VALUES (9, 9)');
  await isFollowed('steady');
  expect(await isUnpublished('steady')).toBe('0');
});

test('what came and went between two starts is found out, whatever the stream still has to bring of what was there before', async () => {
  worker.kill('SIGTERM');
  await worker.ended;
  await way.commit(
    `ALTER PUBLICATION ${way.name} DROP TABLE between`,
    'DELETE FROM between WHERE id = 1',
  );
  await way.commit(`ALTER PUBLICATION ${way.name} ADD TABLE between`);
  await way.commit('INSERT INTO at_once VALUES (70, 70)', 'UPDATE at_once SET n = 71');
  await way.commit('DROP TABLE at_once', ddlOf('at_once'), 'INSERT INTO at_once VALUES (80, 80)');
  await way.commit(
    `ALTER PUBLICATION ${way.name} ADD TABLE at_once`,
    'INSERT INTO at_once VALUES (81, 81)',
  );
  await way.drain('capture');
  await isFollowed('between');
  await isFollowed('at_once');
  worker = way.start(['run', 'capture']);
  await worker.running();
});

test("someone else's publication is left alone: what is missing is told with its fix, and is replaced once it is put back", async () => {
  const owner = `${way.name}_owner`;
  await way.commit(
    `CREATE ROLE ${owner}`,
    `GRANT CREATE ON DATABASE ${way.name} TO ${owner}`,
    `ALTER PUBLICATION ${way.name} OWNER TO ${owner}`,
  );
  try {
    await way.commit('DROP TABLE away', ddlOf('away'), 'INSERT INTO away VALUES (8, 8)');
    await vi.waitFor(async () => expect(await isUnpublished('away')).toBe('1'), patience);
    expect(worker.stderr).toContain(
      `"fix":"as the owner: ALTER PUBLICATION ${way.name} ADD TABLE ${way.name}.away","msg":"table ${way.name}.away: it is not in the publication; nothing of it is captured`,
    );
    await caughtUp(way);
    expect(
      await way.source.query(sql`
        SELECT FROM pg_publication_tables WHERE pubname = ${way.name} AND tablename = 'away'`),
    ).toEqual([]);
    await way.commit(`ALTER PUBLICATION ${way.name} ADD TABLE away`);
    await isFollowed('away');
    expect(await isUnpublished('away')).toBe('0');
  } finally {
    await way.commit(
      `ALTER PUBLICATION ${way.name} OWNER TO current_user`,
      `DROP OWNED BY ${owner}`,
      `DROP ROLE ${owner}`,
    );
  }
});

test('where no copies are wanted, whoever was away is told of, and copied by nobody', async () => {
  worker.kill('SIGTERM');
  await worker.ended;
  const before = (await runs.all()).length;
  await way.commit(`ALTER PUBLICATION ${way.name} DROP TABLE between`);
  const file = await way.variant(({ source }) => (source['snapshot'] = 'never'));
  const { code, stderr } = await way.start(['run', 'capture', '--until-current'], file).ended;
  expect(code, stderr).toBe(0);
  expect(stderr).toMatch(
    new RegExp(
      `"level":50,.*"tables":\\["${way.name}.between"\\].*what happened to them is not captured`,
    ),
  );
  expect((await runs.all()).length).toBe(before);
});
