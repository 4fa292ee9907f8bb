import { sql } from '@databases/pg';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { type Finding, looking } from '../../../ops/readiness/finding.ts';
import { checkPublication } from '../../../ops/readiness/publication.ts';
import { lookAtServer } from '../../../pipelines/wal/server.ts';
import { type OwnPostgres, ownPostgres, run } from './own-postgres.ts';
import { keyOnly, Stream } from './prepared.ts';

let server: OwnPostgres | undefined;
let stream: Stream;

const publication = 'guests';
const contracts = new Map([['public.things', keyOnly('public.things')]]);

async function given(...statements: readonly string[]): Promise<void> {
  server ??= await ownPostgres();
  const db = server.db();
  await run(
    db,
    `DROP PUBLICATION IF EXISTS ${publication}`,
    'DROP TABLE IF EXISTS things, other CASCADE',
  );
  await run(db, ...statements);
  stream = new Stream({ url: server.url() });
}

const plain = 'CREATE TABLE things (id int PRIMARY KEY)';
const partitioned = [
  'CREATE TABLE things (id int PRIMARY KEY) PARTITION BY RANGE (id)',
  'CREATE TABLE things_low PARTITION OF things FOR VALUES FROM (0) TO (100)',
];

const published = () =>
  server!.db().query(sql`
    SELECT tablename AS table FROM pg_publication_tables WHERE pubname = ${publication} ORDER BY 1`);

async function findings(promised = contracts): Promise<readonly Finding[]> {
  const db = server!.db();
  const found = await looking('publication', 'here', async () =>
    checkPublication(db, { publication, contracts: promised }, await lookAtServer(db)),
  );
  return found.filter(({ check }) => check === 'publication');
}

const whats = async () => (await findings()).map(({ outcome, what }) => `${outcome}: ${what}`);

afterAll(() => server?.[Symbol.asyncDispose]());

beforeEach(async () => {
  if (server)
    await run(server.db(), 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots');
});

test('the publication is made, and partitions come under the name of their table', async () => {
  await given(...partitioned);
  expect(await whats()).toEqual(['ok: public.things will be published in guests']);
  await stream.prepare();
  expect(await published()).toEqual([{ table: 'things' }]);
  expect(await whats()).toEqual([
    'ok: guests has all 1 tables',
    'warning: PostgreSQL does not tell when one partition of public.things is truncated, detached or dropped: its rows stay in the topic and the sinks',
  ]);
});

test('a table that is published partition by partition is refused, with the one statement that mends it', async () => {
  await given(...partitioned, `CREATE PUBLICATION ${publication} FOR TABLE things`);
  const mend = `ALTER PUBLICATION ${publication} SET (publish_via_partition_root = true)`;
  await expect(stream.prepare()).rejects.toThrow(
    `changes of public.things come under the names of their partitions\n  where: publication guests\n  fix:   as its owner: ${mend}; or, to capture them one by one, write a contract for each partition in place of the one of public.things`,
  );
  expect(await whats()).toEqual([
    'failed: changes of public.things come under the names of their partitions',
  ]);
  await run(server!.db(), mend);
  expect((await stream.prepare()).created).toBe(true);
});

test('a table that inherits from another is not published with it, and the next start finds no fault', async () => {
  await given(plain, 'CREATE TABLE other () INHERITS (things)');
  await stream.prepare();
  expect(await published()).toEqual([{ table: 'things' }]);
  await expect(stream.prepare()).resolves.toBeDefined();
});

test('a table that gained a contract is added to the publication', async () => {
  await given(plain, `CREATE PUBLICATION ${publication}`);
  expect(await whats()).toEqual(['ok: public.things will be added to guests']);
  await stream.prepare();
  expect(await published()).toEqual([{ table: 'things' }]);
});

test('a table without a contract is refused', async () => {
  await given(
    plain,
    'CREATE TABLE other (id int)',
    `CREATE PUBLICATION ${publication} FOR TABLE things, other`,
  );
  await expect(stream.prepare()).rejects.toThrow(/published without a contract: public\.other/);
  expect(await whats()).toEqual(['failed: published without a contract: public.other']);
});

test('a table that comes with all the others is not told to be dropped from the publication', async () => {
  await given(
    plain,
    'CREATE TABLE other (id int)',
    `CREATE PUBLICATION ${publication} FOR ALL TABLES`,
  );
  await expect(stream.prepare()).rejects.toThrow(
    /fix: {3}write a contract for each, or publish by name what is to be captured: public\.other is published because all tables/,
  );
});

test('what is left out on purpose is told, and goes on', async () => {
  await given(
    'CREATE TABLE things (id int PRIMARY KEY, more text)',
    `CREATE PUBLICATION ${publication} FOR TABLE things (id) WHERE (id > 5)`,
  );
  expect(await whats()).toEqual([
    'ok: guests has all 1 tables',
    'ok: public.things: only rows WHERE (id > 5)',
  ]);
  expect((await stream.prepare()).created).toBe(true);
});

test.for([
  ['insert', 'updates and deletes and truncates'],
  ['insert, update, delete', 'truncates'],
] as const)(
  'a publication of %s is refused at the start: what it leaves out would be lost silently',
  async ([publish, lost]) => {
    await given(
      plain,
      `CREATE PUBLICATION ${publication} FOR TABLE things WITH (publish = '${publish}')`,
    );
    const what = `it leaves out ${lost}: the sinks would not follow them, and nobody would be told`;
    const mend = `ALTER PUBLICATION ${publication} SET (publish = 'insert, update, delete, truncate')`;
    await expect(stream.prepare()).rejects.toThrow(
      `${what}\n  where: publication guests\n  fix:   as its owner: ${mend}; or, if nothing but inserts ever happens to public.things, say so in the contract of each: { property: insertOnly, value: true }`,
    );
    expect(await whats()).toEqual([`failed: ${what}`]);
    await run(server!.db(), mend);
    expect((await stream.prepare()).created).toBe(true);
  },
);

const appended = new Map([
  ['public.things', { ...keyOnly('public.things'), insertOnly: true as const }],
]);

test('a publication of inserts is enough for tables whose contracts promise nothing else, and none of updates is', async () => {
  await given(
    plain,
    `CREATE PUBLICATION ${publication} FOR TABLE things WITH (publish = 'insert')`,
  );
  const promised = new Stream({ url: server!.url() }, appended);
  const { created, warnings } = await promised.prepare();
  expect([created, warnings]).toEqual([true, []]);
  expect((await findings(appended)).map(({ outcome }) => outcome)).toEqual(['ok']);
  await run(server!.db(), `ALTER PUBLICATION ${publication} SET (publish = 'update')`);
  await expect(promised.prepare()).rejects.toThrow(
    `it leaves out inserts and deletes and truncates: the sinks would not follow them, and nobody would be told\n  where: publication guests\n  fix:   as its owner: ALTER PUBLICATION ${publication} SET (publish = 'insert, update, delete, truncate')`,
  );
});

test('a promise of nothing but inserts that was broken already is warned of', async () => {
  await given(
    plain,
    `CREATE PUBLICATION ${publication} FOR TABLE things WITH (publish = 'insert')`,
    'INSERT INTO things VALUES (1)',
    'DELETE FROM things',
    'SELECT pg_stat_force_next_flush()',
  );
  const { warnings } = await new Stream({ url: server!.url() }, appended).prepare();
  expect(warnings).toMatchObject([
    {
      table: 'public.things',
      what: 'its rows were updated or deleted, though its contract says insertOnly: the publication does not tell of that',
    },
  ]);
});

test('a column list that leaves out what a contract promises is warned of', async () => {
  await given(
    'CREATE TABLE things (id int, more int, PRIMARY KEY (more))',
    `CREATE PUBLICATION ${publication} FOR TABLE things (more)`,
  );
  expect(await whats()).toContain(
    'warning: its column list leaves out what the contract of public.things promises: id',
  );
});

test('a publication of all tables is warned of: a new table would stop capture', async () => {
  await given(plain, `CREATE PUBLICATION ${publication} FOR ALL TABLES`);
  expect(await whats()).toEqual([
    'ok: guests has all 1 tables',
    'warning: it is FOR ALL TABLES: a new table stops capture until it has a contract',
  ]);
});
