import { afterAll, beforeAll, expect, test } from 'vitest';
import { changesOf } from '../backfill/folded.ts';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';

const log = { tenant: null, subject: null, relationships: [] } as const;

/** Tables that are only ever appended to, and have nothing that an old row could tell. */
const appended: readonly TestTable[] = [
  {
    ...log,
    name: 'audit',
    ddl: [
      'CREATE TABLE audit (id bigint PRIMARY KEY, what text)',
      'ALTER TABLE audit REPLICA IDENTITY NOTHING',
    ],
    columns: [keep('id', 'bigint', { keyPosition: 1 }), keep('what', 'text')],
  },
  {
    ...log,
    name: 'clicks',
    ddl: ['CREATE TABLE clicks (at bigint, what text)'],
    columns: [keep('at', 'bigint'), keep('what', 'text')],
  },
];

let way: Way;

beforeAll(async () => {
  way = await openWay(appended);
  await way.commit("INSERT INTO audit VALUES (1, 'before')", "INSERT INTO clicks VALUES (1, 'b')");
  await way.drain('capture');
});

afterAll(() => way?.[Symbol.asyncDispose]());

const whats = async (table: string, of = way) =>
  (await changesOf(of, table))
    .map(({ change: { op, after } }) => `${op} ${String(after?.['what'])}`)
    .toSorted();

test('tables without a replica identity are captured: their rows are copied, their inserts and truncates come', async () => {
  await way.commit(
    "INSERT INTO audit VALUES (2, 'after')",
    "INSERT INTO clicks VALUES (1, 'b'), (1, 'c')",
  );
  await way.drain('capture');
  expect(await whats('audit')).toEqual(['insert after', 'insert before']);
  expect(await whats('clicks')).toEqual(['insert b', 'insert b', 'insert c']);
  await way.commit('TRUNCATE audit');
  await way.drain('capture', 'govern');
  expect(await whats('audit')).toContain('truncate undefined');
});

test('whoever starts capture is told that they can only be inserted into, and conductor check says so too', async () => {
  const { code, stderr } = await way.start(['run', 'capture', '--until-current']).ended;
  expect(code, stderr).toBe(0);
  const checked = await way.start(['check']).ended;
  expect(checked.code, checked.stdout).toBe(0);
  for (const name of ['audit', 'clicks']) {
    const table = `${way.name}.${name}`;
    expect(stderr).toMatch(
      new RegExp(`"level":40,.*"msg":"table ${table}: it can only be inserted into: `),
    );
    expect(checked.stdout).toMatch(
      new RegExp(
        String.raw`warning +identity +it can only be inserted into: .*\n +where: table ${table}\n +fix: +nothing, if that is meant; otherwise ALTER TABLE ${table} REPLICA IDENTITY FULL`,
      ),
    );
  }
});

test('the server itself refuses what would not be told', async () => {
  await expect(way.commit('DELETE FROM clicks')).rejects.toThrow(/cannot delete from table/);
  await expect(way.commit('UPDATE audit SET id = 3')).rejects.toThrow(/cannot update table/);
});

test("an owner's publication of inserts alone is captured where contracts promise nothing else, and nothing is warned of", async () => {
  await using own = await openWay(appended.map((table) => ({ ...table, insertOnly: true })));
  await own.commit(
    `CREATE PUBLICATION ${own.name} FOR TABLE audit, clicks WITH (publish = 'insert')`,
    "INSERT INTO audit VALUES (1, 'before')",
  );
  await own.drain('capture');
  await own.commit("INSERT INTO audit VALUES (2, 'after')", "INSERT INTO clicks VALUES (1, 'b')");
  const { code, stderr } = await own.start(['run', 'capture', '--until-current']).ended;
  expect(code, stderr).toBe(0);
  expect(stderr).not.toContain('"level":40');
  expect(await whats('audit', own)).toEqual(['insert after', 'insert before']);
  expect(await whats('clicks', own)).toEqual(['insert b']);
});
