import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sql } from '@databases/pg';
import { contractOf, keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';
import { lastWins, sifted } from './folds.ts';
import { seenIn } from './seen.ts';

const plain = { tenant: null, subject: null, relationships: [] } as const;
const columns = [keep('id', 'bigint', { keyPosition: 1 }), keep('n', 'integer')];
const table = (name: string): TestTable => ({
  ...plain,
  name,
  ddl: [`CREATE TABLE ${name} (id bigint PRIMARY KEY, n integer)`],
  columns,
});
const tables = [table('odd_even'), table('others')];

let way: Way;
let files: readonly string[];

/** Three captures of one database: two share a table by its key, the third has the other table. */
beforeAll(async () => {
  way = await openWay(tables);
  const parts = [
    { name: 'even', table: tables[0]!, filter: 'WHERE (id % 2 = 0)' },
    { name: 'odd', table: tables[0]!, filter: 'WHERE (id % 2 = 1)' },
    { name: 'rest', table: tables[1]!, filter: '' },
  ];
  const made: string[] = [];
  for (const { name, table: own, filter } of parts) {
    const folder = join(way.folder, name);
    await mkdir(folder);
    await writeFile(join(folder, `${own.name}.yaml`), contractOf(way.name, own));
    const slot = `${way.name}_${name}`;
    await way.commit(`CREATE PUBLICATION ${slot} FOR TABLE ${own.name} ${filter}`);
    made.push(
      await way.variant((config) => {
        config.source['slot'] = slot;
        config.source['publication'] = slot;
        config['contracts'] = name;
      }),
    );
  }
  files = made;
});

afterAll(() => way?.[Symbol.asyncDispose]());

/** All three in one worker, until they are at the end. */
async function drain(): Promise<void> {
  const [last = '', ...rest] = files;
  const args = ['run', 'capture', '--until-current', '--config', ...rest];
  const { code, stderr } = await way.start(args, last).ended;
  expect(code, stderr).toBe(0);
}

test('several captures of one database, split by table and by row filter, run in one worker and bring every change once', async () => {
  await way.commit('INSERT INTO odd_even SELECT id, 0 FROM generate_series(1, 50) AS id');
  await drain();
  await way.commit(
    'INSERT INTO odd_even SELECT id, 1 FROM generate_series(51, 100) AS id',
    'UPDATE odd_even SET n = 2 WHERE id <= 75',
    'UPDATE odd_even SET id = id + 1000 WHERE id = 7', // From one key of a filter to another,
    'UPDATE odd_even SET id = id + 1001 WHERE id = 9', // and from one filter to the other.
    'DELETE FROM odd_even WHERE id = 10',
    'INSERT INTO others SELECT id, id FROM generate_series(1, 10) AS id',
  );
  await drain();

  const seen = await seenIn(way, [...way.contracts.keys()], way.source);
  const { faults, once } = sifted(seen);
  expect(faults).toEqual([]);
  expect(once.length).toBe(seen.length);
  for (const { name } of tables) {
    const own = seen.filter((each) => each.table === `${way.name}.${name}`);
    const rows = (await way.source.query(
      sql`SELECT id::text, n::text FROM ${sql.ident(name)}`,
    )) as readonly { id: string; n: string }[];
    const wanted = rows.map(({ id, n }) => [`{"id":${id}}`, { id, n }] as const);
    expect(Object.fromEntries(lastWins(own))).toEqual(Object.fromEntries(wanted));
  }
});
