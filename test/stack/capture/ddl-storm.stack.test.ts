import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { asText, byPosition, changesOf } from '../backfill/folded.ts';
import { readAll } from '../way/records.ts';
import { openWay, type Way } from '../way/way.ts';
import { type Judge, judgeOf } from './judge.ts';
import { caughtUp } from './progress.ts';
import { printSeed, seed } from './seed.ts';
import { plainly } from './seen.ts';
import { faultTables } from './tables.ts';
import { type Writer, writerTo } from './workload.ts';

let way: Way;
let judge: Judge;
let writer: Writer;

beforeAll(async () => {
  printSeed();
  way = await openWay(faultTables);
  await way.drain('capture');
  judge = await judgeOf(way);
  writer = await writerTo(way.urls.source, { seed, schema: way.name });
});

afterAll(async () => {
  await writer?.[Symbol.asyncDispose]();
  await way?.[Symbol.asyncDispose]();
});

/** The history of a table's forms, as its topic has it: compacted, by table and place. */
async function history(table: string): Promise<readonly string[]> {
  const records = await readAll(way.stack, [`cdc.${way.name}.schema`]);
  const forms = new Map<string, string>();
  for (const record of records) {
    const { values } = await plainly(way, record);
    if (values['table'] !== `${way.name}.${table}`) continue;
    const columns = values['columns'] as readonly {
      readonly name: string;
      readonly type: string;
    }[];
    const form = columns.map(({ name, type }) => `${name} ${type}`).join(', ');
    forms.set(String(record.key), values['refused'] === null ? form : `refused: ${form}`);
  }
  return [...forms.values()];
}

test('a storm of DDL loses nothing: what is refused becomes letters, the others go on, the slot advances', async () => {
  await using worker = way.start(['run', 'capture']);
  await worker.running();
  const storm = [
    ['INSERT INTO things (id) VALUES (9000)'],
    [
      'ALTER TABLE things ADD COLUMN extra integer DEFAULT 5',
      'INSERT INTO things (id) VALUES (9010)',
    ],
    ['ALTER TABLE things DROP COLUMN extra', 'INSERT INTO things (id) VALUES (9011)'],
    ['ALTER TABLE things ADD COLUMN extra text', 'INSERT INTO things (id) VALUES (9012)'],
    ['ALTER TABLE things RENAME COLUMN n TO m'],
    ['INSERT INTO things (id, m) VALUES (9001, 1)', 'UPDATE things SET m = 2 WHERE id = 9001'],
    ['ALTER TABLE things RENAME COLUMN m TO n'],
    ['ALTER TABLE things ALTER COLUMN n TYPE bigint'],
    ['INSERT INTO things VALUES (9002, 7, 5000000000)'],
    ['ALTER TABLE things ALTER COLUMN n TYPE text'],
    ["INSERT INTO things VALUES (9003, 7, 'no number')", 'DELETE FROM things WHERE id = 9001'],
    ['TRUNCATE papers'],
    // Two tables change their names.
    [
      'CREATE TABLE papers2 (LIKE papers INCLUDING ALL)',
      'ALTER TABLE papers2 REPLICA IDENTITY FULL',
      `ALTER PUBLICATION "${way.name}" ADD TABLE papers2`,
    ],
    ["INSERT INTO papers2 VALUES (1, 'a stranger', NULL, 'x')"],
    ['ALTER TABLE papers RENAME TO papers3', 'ALTER TABLE papers2 RENAME TO papers'],
    ["INSERT INTO papers VALUES (2, 'of the other table', NULL, 'y')"],
    ["UPDATE papers SET content = 'z'"],
    ['ALTER TABLE papers RENAME TO papers2', 'ALTER TABLE papers3 RENAME TO papers'],
    ["INSERT INTO papers VALUES (3, 'of the first table', NULL, 'y')"],
  ];
  for (const statements of storm) {
    await writer.run(2);
    await way.commit(...statements);
  }
  await writer.run(10);
  await caughtUp(way);
  worker.kill('SIGTERM');
  await worker.ended;

  const { letters, explained } = await judge.judge({
    uncompared: [`${way.name}.things`, `${way.name}.papers`],
  });
  expect(explained['a letter']).toBeGreaterThan(3);
  const refused = new Set(letters.map(({ table }) => table.split('.')[1]));
  expect(refused).toContain('papers');
  expect(refused).not.toContain('notes');
  const first =
    'id bigint, tenant integer, n integer, price numeric(12,2), at timestamp with time zone, tags text[]';
  expect((await history('things')).slice(0, 4)).toEqual([
    first,
    `${first}, extra integer`,
    first,
    `${first}, extra text`,
  ]);
  expect(await history('notes')).toEqual(['id bigint, n integer, body text']);
  expect((await history('papers')).some((form) => form.startsWith('refused: '))).toBe(true);
  expect(worker.stderr).toMatch(/another table has taken its name/);
});

test('a table that is dropped and made anew under its name replaces the old one, and the others lose nothing', async () => {
  await using own = await openWay(faultTables);
  await own.drain('capture');
  const other = await judgeOf(own);
  await using worker = own.start(['run', 'capture']);
  await worker.running();
  await own.commit(
    "INSERT INTO notes VALUES (1, 1, 'old')",
    "INSERT INTO papers VALUES (1, 'a', NULL, 'b')",
  );
  await own.commit('DROP TABLE notes');
  await own.commit(
    'CREATE TABLE notes (id bigint PRIMARY KEY, n integer, body text)',
    `ALTER PUBLICATION "${own.name}" ADD TABLE notes`,
  );
  await own.commit("INSERT INTO notes VALUES (1, 2, 'new')");
  await own.commit("INSERT INTO papers VALUES (2, 'a', NULL, 'b')");
  await caughtUp(own);
  await vi.waitFor(
    async () => {
      const notes = byPosition(await changesOf(own, 'notes'));
      expect(asText(notes, ['id', 'n', 'body'])).toEqual(['1|2|new']);
    },
    { timeout: 30_000, interval: 100 },
  );
  worker.kill('SIGTERM');
  await worker.ended;
  const { letters } = await other.judge({ uncompared: [`${own.name}.notes`] });
  expect(letters).toEqual([]);
});
