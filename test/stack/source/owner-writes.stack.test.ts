import { afterAll, beforeEach, expect, test } from 'vitest';
import { type Finding, looking } from '../../../ops/readiness/finding.ts';
import { checkPublication } from '../../../ops/readiness/publication.ts';
import { lookAtServer } from '../../../pipelines/wal/server.ts';
import { type OwnPostgres, ownPostgres, run } from './own-postgres.ts';
import { keyOnly, Stream } from './prepared.ts';

const publication = 'guests';
const contract = keyOnly('public.things');
let server: OwnPostgres | undefined;

afterAll(() => server?.[Symbol.asyncDispose]());

beforeEach(async () => {
  server ??= await ownPostgres();
  await run(
    server.db(),
    'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots',
    `DROP PUBLICATION IF EXISTS ${publication}`,
    'DROP TABLE IF EXISTS things',
  );
});

/** What `conductor check` says of who may write, and what a stream that is to begin does. */
async function looked(key: readonly string[], ...statements: readonly string[]) {
  const db = server!.db();
  await run(db, ...statements);
  const contracts = new Map([['public.things', { ...contract, key }]]);
  const findings = await looking('publication', 'here', async () =>
    checkPublication(db, { publication, contracts }, await lookAtServer(db)),
  );
  const stream = new Stream({ url: server!.url() }, contracts);
  return {
    findings: findings.filter(({ check }) => check === 'identity'),
    begin: () => stream.prepare(),
  };
}

const said = (findings: readonly Finding[]) =>
  findings.map((each) =>
    each.outcome === 'ok'
      ? 'ok'
      : `${each.outcome}, ${each.where}: ${each.what.replace('it can only be inserted into: PostgreSQL refuses updates and deletes of it while it is published, for', 'inserts only:')} | ${each.fix.replace('nothing, if that is meant; otherwise ', '')}`,
  );

const full = 'ALTER TABLE public.things REPLICA IDENTITY FULL';
const plain = 'CREATE TABLE things (id int PRIMARY KEY, more text)';
const published = `CREATE PUBLICATION ${publication} FOR TABLE things`;

/** Tables that nobody has updated yet; each with what is said of it, and what the server then does. */
test.for<{
  readonly name: string;
  readonly given: readonly string[];
  readonly key?: readonly string[];
  readonly says: string;
}>([
  { name: 'a primary key', given: [plain], says: 'ok' },
  { name: 'a whole old row', given: ['CREATE TABLE things (id int)', full], key: [], says: 'ok' },
  {
    name: 'REPLICA IDENTITY NOTHING',
    given: [plain, 'ALTER TABLE things REPLICA IDENTITY NOTHING'],
    says: `warning, table public.things: inserts only: it has REPLICA IDENTITY NOTHING | ${full}`,
  },
  {
    name: 'no key',
    given: ['CREATE TABLE things (id int)'],
    key: [],
    says: `warning, table public.things: inserts only: it has no primary key and no other replica identity | ${full}`,
  },
  {
    name: 'a deferrable key',
    given: ['CREATE TABLE things (id int PRIMARY KEY DEFERRABLE)'],
    says: `warning, table public.things: inserts only: its primary key is deferrable, and no replica identity | ${full}`,
  },
  {
    name: 'an identity whose index is gone',
    given: [
      'CREATE TABLE things (id int NOT NULL)',
      'CREATE UNIQUE INDEX others ON things (id)',
      'ALTER TABLE things REPLICA IDENTITY USING INDEX others',
      'DROP INDEX others',
    ],
    key: [],
    says: `warning, table public.things: inserts only: the index of its replica identity is gone | ${full}`,
  },
  {
    name: 'a generated column in its whole old row',
    given: ['CREATE TABLE things (id int, twice int GENERATED ALWAYS AS (id * 2) STORED)', full],
    key: [],
    says: 'ok', // The publication is made so that it goes.
  },
  {
    name: 'a generated column that its publication leaves out',
    given: [
      'CREATE TABLE things (id int, twice int GENERATED ALWAYS AS (id * 2) STORED)',
      full,
      published,
    ],
    key: [],
    says: `warning, table public.things: inserts only: twice of the replica identity is generated, and not published | as its owner: ALTER PUBLICATION ${publication} SET (publish_generated_columns = stored)`,
  },
  {
    name: 'a generated column that is no part of its identity',
    given: [
      'CREATE TABLE things (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED)',
    ],
    says: 'ok',
  },
  {
    name: 'a virtual column in its whole old row',
    given: [
      'CREATE TABLE things (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) VIRTUAL)',
      full,
    ],
    says: 'warning, table public.things: inserts only: twice of its whole old row is virtual, and never published | ALTER TABLE public.things REPLICA IDENTITY DEFAULT',
  },
  {
    name: 'a column list without the key',
    given: [plain, `${published} (more)`],
    says: `warning, table public.things: inserts only: its column list leaves out id of the replica identity | have the column list of publication ${publication} name them`,
  },
  {
    name: 'a column list of its whole old row',
    given: [plain, full, `${published} (id, more)`],
    says: 'warning, table public.things: inserts only: REPLICA IDENTITY FULL goes with no column list | ALTER TABLE public.things REPLICA IDENTITY DEFAULT',
  },
  {
    name: 'a row filter on what its old rows do not tell',
    given: [plain, `${published} WHERE (id > 0 AND more <> 'x')`],
    says: `warning, table public.things: inserts only: its row filter reads what the replica identity lacks: more | ${full}, or have the row filter of publication ${publication} read other columns`,
  },
  {
    name: 'a row filter on its key, and a column list that has it',
    given: [plain, `${published} (id) WHERE (id > 0)`],
    says: 'ok',
  },
  {
    name: 'a row filter on a whole old row',
    given: [plain, full, `${published} WHERE (more <> 'x')`],
    says: 'ok',
  },
])(
  'a table with $name is captured, and what is said of its updates is what the server does',
  async ({ given, key = ['id'], says }) => {
    const { findings, begin } = await looked(key, ...given);
    expect(said(findings)).toEqual([says]);
    const { warnings, changed } = await begin();
    expect(changed).toEqual([]);
    expect(warnings.map(({ what }) => what)).toEqual(
      says === 'ok' ? [] : findings.map(({ what }) => what),
    );
    const update = run(
      server!.db(),
      'INSERT INTO things (id) VALUES (1)',
      'UPDATE things SET id = 2',
    );
    if (says === 'ok') await update;
    else await expect(update).rejects.toThrow(/cannot update table "things"/);
  },
);

test.for([
  ['no key', 'CREATE TABLE things (id int)', 'it has no primary key'],
  ['a deferrable key', 'CREATE TABLE things (id int PRIMARY KEY DEFERRABLE)', 'is deferrable'],
] as const)(
  'a table with %s that was updated is refused before its publication would stop that',
  async ([, table, why]) => {
    const key = table.includes('KEY') ? ['id'] : [];
    const { findings, begin } = await looked(
      key,
      table,
      'INSERT INTO things (id) VALUES (1)',
      'UPDATE things SET id = 2',
      'SELECT pg_stat_force_next_flush()',
    );
    expect(said(findings)[0]).toMatch(
      /^failed, table public\.things: PostgreSQL would refuse its updates and deletes once they are published: /,
    );
    expect(said(findings)[0]).toContain(why);
    await expect(begin()).rejects.toThrow(`fix:   ${full}`);
    await run(server!.db(), 'UPDATE things SET id = 3', full);
    const mended = await looked(key);
    expect(said(mended.findings)).toEqual(['ok']);
    expect((await mended.begin()).created).toBe(true);
    await run(server!.db(), 'UPDATE things SET id = 4');
  },
);

test('a publication without updates and deletes is to send them, and no update fails for that', async () => {
  const { findings, begin } = await looked(
    [],
    'CREATE TABLE things (id int)',
    'INSERT INTO things VALUES (1)',
    'UPDATE things SET id = 2',
    'SELECT pg_stat_force_next_flush()',
    `CREATE PUBLICATION ${publication} FOR TABLE things WITH (publish = 'insert')`,
  );
  expect(said(findings)[0]).toMatch(
    /^failed, table public\.things: PostgreSQL would refuse its updates and deletes once they are published: /,
  );
  await expect(begin()).rejects.toThrow(`fix:   ${full}`);
  await run(server!.db(), full);
  await expect(begin()).rejects.toThrow('it leaves out updates and deletes and truncates');
  const all = "publish = 'insert, update, delete, truncate'";
  await run(server!.db(), `ALTER PUBLICATION ${publication} SET (${all})`);
  expect((await begin()).created).toBe(true);
  await run(server!.db(), 'UPDATE things SET id = 3');
});

const low = 'CREATE TABLE things_low PARTITION OF things FOR VALUES FROM (0) TO (100)';

test.for([
  [
    'tells less than its table',
    [
      'CREATE TABLE things (id int PRIMARY KEY, more text) PARTITION BY RANGE (id)',
      low,
      'ALTER TABLE things REPLICA IDENTITY FULL',
    ],
    ['id'],
    'it has another replica identity than its table: updates and deletes here do not tell more',
  ],
  [
    'has an identity that its table has not',
    [
      'CREATE TABLE things (id int) PARTITION BY RANGE (id)',
      low,
      'ALTER TABLE things_low ADD PRIMARY KEY (id)',
    ],
    [],
    'its table has no replica identity: updates and deletes here would not tell of which row they are',
  ],
] as const)('a partition that %s is refused', async ([, given, key, what]) => {
  const { findings, begin } = await looked(key, ...given);
  const fix = 'ALTER TABLE public.things_low REPLICA IDENTITY FULL';
  expect(said(findings)).toEqual([
    `failed, partition public.things_low of public.things: ${what} | ${fix}`,
  ]);
  await expect(begin()).rejects.toThrow(what);
  await run(server!.db(), fix);
  expect((await begin()).created).toBe(true);
});

test('a partition that can only be inserted into is warned of', async () => {
  const { findings } = await looked(
    ['id'],
    'CREATE TABLE things (id int PRIMARY KEY) PARTITION BY RANGE (id)',
    low,
    'ALTER TABLE things_low REPLICA IDENTITY NOTHING',
  );
  expect(said(findings)).toEqual([
    'warning, partition public.things_low of public.things: inserts only: it has REPLICA IDENTITY NOTHING | ALTER TABLE public.things_low REPLICA IDENTITY FULL',
  ]);
});
