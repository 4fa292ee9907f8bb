import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { changesOf } from '../backfill/folded.ts';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';
import type { Worker } from '../way/worker.ts';
import { type Judge, judgeOf } from './judge.ts';
import { caughtUp } from './progress.ts';

const plain = (name: string): TestTable => ({
  name,
  ddl: [`CREATE TABLE ${name} (id bigint PRIMARY KEY, n integer, note text)`],
  tenant: null,
  subject: null,
  relationships: [],
  columns: [keep('id', 'bigint', { keyPosition: 1 }), keep('n', 'integer'), keep('note', 'text')],
});

const changing = ['shorter', 'renamed', 'rekeyed', 'identified', 'retyped', 'dropped', 'moved'];
let way: Way;
let judge: Judge;
let worker: Worker;

beforeAll(async () => {
  way = await openWay(['steady', ...changing].map(plain));
  await way.drain('capture');
  judge = await judgeOf(way);
  worker = way.start(['run', 'capture']);
  await worker.running();
  await way.commit(
    ...['steady', ...changing].map((name) => `INSERT INTO ${name} VALUES (1, 1, 'a')`),
  );
  await caughtUp(way);
});

afterAll(() => way?.[Symbol.asyncDispose]());

/** Kills the worker, changes a table while nobody captures, and starts another. */
async function killedWhile(...statements: readonly string[]): Promise<string> {
  worker.kill('SIGKILL');
  await worker.ended;
  await way.commit(...statements);
  worker = way.start(['run', 'capture']);
  return worker.running();
}

/** What a worker has logged as an error, as its table and its message. */
const errors = () =>
  [...worker.stderr.matchAll(/"level":50,.*"table":"([^"]+)","fix":"[^"]+","msg":"(.*)"/g)].map(
    ([, table, message]) => `${table}: ${message}`,
  );

let steady = 1;
const goOn = () => way.commit(`INSERT INTO steady VALUES (${++steady}, 1, 'b')`);

test.for([
  [
    'shorter',
    'lost a column',
    ['ALTER TABLE shorter DROP COLUMN n', "INSERT INTO shorter VALUES (2, 'b')"],
    'the table has no column n',
  ],
  [
    'renamed',
    'got another name for a column',
    ['ALTER TABLE renamed RENAME n TO m', "INSERT INTO renamed VALUES (2, 2, 'b')"],
    'the table has no column n',
  ],
  [
    'rekeyed',
    'got another name for its key',
    ['ALTER TABLE rekeyed RENAME id TO number', "INSERT INTO rekeyed VALUES (2, 2, 'b')"],
    'the table has no column id',
  ],
  [
    'identified',
    'got a replica identity without its key',
    [
      'ALTER TABLE identified ALTER n SET NOT NULL',
      'CREATE UNIQUE INDEX identified_n ON identified (n)',
      'ALTER TABLE identified REPLICA IDENTITY USING INDEX identified_n',
      'UPDATE identified SET id = 9', // Which the server does not tell.
      "INSERT INTO identified VALUES (2, 2, 'b')",
    ],
    'the index of its replica identity lacks the primary key, so a delete would not tell its key',
  ],
  [
    'retyped',
    'got another type for a column',
    ['ALTER TABLE retyped ALTER n TYPE text', "INSERT INTO retyped VALUES (2, 'two', 'b')"],
    'column n is text, not integer',
  ],
  ['dropped', 'is gone', ['DROP TABLE dropped'], 'the table is not in the source database'],
  [
    'moved',
    'got another name',
    ['ALTER TABLE moved RENAME TO elsewhere', "INSERT INTO elsewhere VALUES (2, 2, 'b')"],
    'the table is not in the source database',
  ],
] as const)(
  'after a kill a stream goes on beside a table that %s: it %s',
  async ([table, , statements, fault]) => {
    const health = await killedWhile(...statements);
    const name = `${way.name}.${table}`;
    expect(errors().join('\n')).toContain(`${name}: table ${name}: ${fault}; the stream goes on`);
    const metrics = await (await fetch(`${health}/metrics`)).text();
    expect(metrics).toContain(`conductor_refused_schema_total{pipeline="capture",table="${name}"}`);
    await goOn();
    await caughtUp(way);
  },
);

test('conductor check warns of every table that changed, and says that the stream goes on', async () => {
  worker.kill('SIGTERM');
  await worker.ended;
  const { code, stdout } = await way.start(['check']).ended;
  expect(code, stdout).toBe(0);
  expect(stdout).toMatch(/warning +publication +it was captured under another name/);
  expect(stdout).not.toMatch(/publication .*(dropped|column list)/);
  for (const table of changing)
    expect(stdout).toMatch(
      new RegExp(`the stream goes on.*\n +where: contract of ${way.name}\\.${table}\n +fix: `),
    );
});

test('what a form may not become is letters, and flows once it is accepted; the others lost nothing', async () => {
  const table = `${way.name}.retyped`;
  const accepted = await way.start(['schema', 'accept', '--table', table]).ended;
  expect(accepted.code, accepted.stderr).toBe(0);
  await killedWhile("INSERT INTO retyped VALUES (3, 'three', 'c')");
  await vi.waitFor(
    async () =>
      expect((await changesOf(way, 'retyped')).map(({ change }) => change.after?.['n'])).toContain(
        'three',
      ),
    { timeout: 30_000, interval: 100 },
  );
  await caughtUp(way);
  worker.kill('SIGTERM');
  await worker.ended;

  const { letters, once } = await judge.judge({
    uncompared: changing.map((name) => `${way.name}.${name}`),
  });
  expect(letters.map((letter) => letter.table)).toEqual([
    `${way.name}.rekeyed`,
    `${way.name}.identified`,
    table,
    `${way.name}.elsewhere`,
  ]);
  const of = (name: string) => once.filter((each) => each.table === `${way.name}.${name}`).length;
  expect(['steady', ...changing].map(of)).toEqual([steady, 2, 2, 1, 2, 2, 1, 1]);
});

test('a stream that has not begun refuses to start on any of it', async () => {
  const file = await way.variant(({ source }) => (source['slot'] = `${way.name}_new`));
  const { code, stderr } = await way.start(['run', 'capture'], file).ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/where: contract of/);
  expect(
    await way.source.query(
      sql`SELECT 1 FROM pg_replication_slots WHERE slot_name = ${`${way.name}_new`}`,
    ),
  ).toEqual([]);
});
