import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ConnectionPool, sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from '../../../ops/demo/database.ts';
import { openEnvelope } from '../../../schemas/dsse.ts';
import { signingKey } from '../../../schemas/signing-key.ts';
import { statementType } from '../../../schemas/stream-manifest.ts';
import neo4j from 'neo4j-driver';
import { openWay, type Way } from '../way/way.ts';

let way: Way;
let mirror: ConnectionPool;
let signed: string; // A configuration with a log.

const seedOfLog = '11'.repeat(32);

beforeAll(async () => {
  way = await openWay();
  mirror = openDatabase(way.urls.mirror);
  signed = await way.variant((raw) => {
    raw['provenance'] = { origin: 'test/log', signingKey: seedOfLog, directory: 'log' };
  });
  await way.drain('capture');
  await way.commit(
    `INSERT INTO people SELECT n, n % 3, n, 'n', 'e', 'p', 'm', repeat('b', 3000) FROM generate_series(1, 90) AS n`,
  );
  await way.drain('capture');
  await way.commit(`UPDATE people SET mood = 'later' WHERE id <= 30`); // Their bio is unchanged, and not sent.
  await way.drain('capture');
  await way.commit(
    `UPDATE people SET mood = 'last' WHERE id <= 10`,
    'DELETE FROM people WHERE id = 30',
  );
  await way.drain('capture', 'govern', 'deliver-postgres');
}, 400_000);

afterAll(async () => {
  await mirror?.dispose();
  await way?.[Symbol.asyncDispose]();
});

const people = () => `${way.name}.people`;

async function rows(): Promise<
  readonly { readonly id: number; readonly mood: string; readonly bio: string }[]
> {
  return await mirror.query(
    sql`SELECT id::int, mood, bio FROM ${sql.ident(way.name, 'people')} ORDER BY people.id`,
  );
}

/** What all rows ought to be. */
const right = () =>
  Array.from({ length: 90 }, (_, n) => n + 1)
    .filter((id) => id !== 30)
    .map((id) => ({
      id,
      mood: id <= 10 ? 'last' : id <= 30 ? 'later' : 'm',
      bio: 'b'.repeat(3000),
    }));

/** Changes every row by hand, and takes every fifth away. */
async function ruin(): Promise<void> {
  await mirror.query(
    sql`UPDATE ${sql.ident(way.name, 'people')} SET mood = 'by hand', bio = 'by hand'`,
  );
  await mirror.query(sql`DELETE FROM ${sql.ident(way.name, 'people')} WHERE id % 5 = 0`);
}

async function replay(...args: readonly string[]) {
  const at = ['replay', 'range', '--stream', people(), '--into', 'postgres', '--json'];
  const { code, stdout, stderr } = await way.start([...at, ...args], signed).ended;
  return {
    code,
    stderr,
    ...(stdout === '' ? {} : (JSON.parse(stdout) as Record<string, unknown>)),
  };
}

/** Those of the rows that are as they ought to be. */
async function mended(): Promise<readonly number[]> {
  const wanted = new Map(right().map((row) => [row.id, JSON.stringify(row)]));
  return (await rows())
    .filter((row) => wanted.get(row.id) === JSON.stringify(row))
    .map(({ id }) => id);
}

test('a dry run tells what would be done, and does nothing', { timeout: 120_000 }, async () => {
  const { code, stderr, ...said } = await replay('--dry-run');
  expect(code, stderr).toBe(0);
  expect(said).toEqual({
    plans: [
      {
        table: people(),
        sink: 'postgres',
        range: 'all',
        how: 'switch',
        records: 131,
        reaches: true,
        obstacle: null,
      },
    ],
  });
  expect(await way.state.query(sql`SELECT 1 FROM conductor_range_replays`)).toEqual([]);
});

test('rows of one tenant are rebuilt, and no others', { timeout: 120_000 }, async () => {
  await ruin();
  const { code, stderr } = await replay('--tenant', '1');
  expect(code, stderr).toBe(0);
  expect(await mended()).toEqual(
    right()
      .map(({ id }) => id)
      .filter((id) => id % 3 === 1),
  );
});

test(
  'rows that changed in a range of LSNs are rebuilt to what they are now',
  { timeout: 120_000 },
  async () => {
    await ruin();
    const [at] = (await mirror.query(
      sql`SELECT split_part(position, '/', 2) AS lsn FROM cdc_dedupe WHERE pk LIKE ${`${people()}{%`}`,
    )) as readonly { readonly lsn: string }[]; // The last transaction: it deleted 30.
    const lsn = BigInt(`0x${at?.lsn}`);
    const text = `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`;
    const { code, stderr } = await replay('--from', text, '--to', text);
    expect(code, stderr).toBe(0);
    expect(await mended()).toEqual(Array.from({ length: 10 }, (_, n) => n + 1));
  },
);

test(
  'rows that changed in a range of times are rebuilt, columns that their last change left out too',
  { timeout: 120_000 },
  async () => {
    await ruin();
    const none = await replay('--from', '2020-01-01', '--to', '2020-01-02');
    expect(none.code, none.stderr).toBe(0);
    expect(await mended()).toEqual([]);
    const all = await replay('--from', '2h', '--manifest', join(way.folder, 'manifest'));
    expect(all.code, all.stderr).toBe(0);
    expect(await mended()).toEqual(right().map(({ id }) => id));
  },
);

test('the manifest says what was done, and its signature fits', async () => {
  const key = signingKey(seedOfLog);
  const bytes = Buffer.from((await readFile(join(way.folder, 'manifest'), 'utf8')).trim());
  const opened = openEnvelope(bytes, statementType, new Map([[key.id, key]]));
  expect(opened).toHaveProperty('body');
  const { predicate } = JSON.parse('body' in opened ? opened.body.toString() : '{}');
  expect(predicate).toMatchObject({ table: people(), sink: 'postgres', how: 'merge', refused: {} });
  expect(predicate.merged.rows).toBeGreaterThan(80);
});

test(
  'a table that something hangs on is not switched, but mended',
  { timeout: 180_000 },
  async () => {
    const name = sql.ident(way.name, 'people');
    await mirror.query(sql`CREATE VIEW moods AS SELECT mood FROM ${name}`);
    await ruin();
    await mirror.query(
      sql`INSERT INTO ${name} SELECT (jsonb_populate_record(t, '{"id": 1000}')).* FROM ${name} t WHERE id = 1`,
    );
    const refused = await replay();
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/cannot be switched: .*view moods\n.*\n.*--merge/);
    expect(await replay('--abandon')).toMatchObject({ code: 0, abandoned: [] });
    const merged = await replay('--merge');
    expect(merged.code, merged.stderr).toBe(0);
    expect(await rows()).toEqual(right());
    expect(await mirror.query(sql`SELECT count(*)::int AS moods FROM moods`)).toEqual([
      { moods: 89 },
    ]);
    await mirror.query(sql`DROP VIEW moods`);
  },
);

test(
  'a switch keeps indexes, owner and grants, and leaves nothing beside',
  { timeout: 180_000 },
  async () => {
    const role = `${way.name}_reader`;
    await mirror.query(sql`CREATE ROLE ${sql.ident(role)}`);
    await mirror.query(sql`GRANT SELECT ON ${sql.ident(way.name, 'people')} TO ${sql.ident(role)}`);
    await mirror.query(sql`CREATE INDEX people_mood ON ${sql.ident(way.name, 'people')} (mood)`);
    await ruin();
    const { code, stderr } = await replay();
    expect(code, stderr).toBe(0);
    expect(await rows()).toEqual(right());
    const [kept] = await mirror.query(sql`
    SELECT has_table_privilege(${role}, ${people()}, 'SELECT') AS granted,
      (SELECT count(*)::int FROM pg_indexes WHERE schemaname = ${way.name} AND tablename = 'people') AS indexes,
      (SELECT count(*)::int FROM pg_namespace WHERE nspname LIKE 'conductor_replay%') AS beside,
      (SELECT count(*)::int FROM cdc_offsets WHERE stream LIKE 'conductor_replay%') AS offsets`);
    expect(kept).toEqual({ granted: true, indexes: 2, beside: 0, offsets: 0 });
    await mirror.query(sql`DROP OWNED BY ${sql.ident(role)}`);
    await way.commit(
      `UPDATE people SET mood = 'after' WHERE id = 1`,
      'DELETE FROM people WHERE id = 2',
    );
    await way.drain('capture', 'govern', 'deliver-postgres');
    const first = (await rows()).slice(0, 2).map(({ id, mood }) => [id, mood]);
    expect(first).toEqual([
      [1, 'after'],
      [3, 'last'],
    ]);
  },
);

test(
  'a replay that was killed before it put a table in place does so',
  { timeout: 180_000 },
  async () => {
    const wanted = await rows();
    await ruin();
    const at = ['replay', 'range', '--stream', people(), '--into', 'postgres', '--json'];
    const struck = await way.start(at, signed, { CONDUCTOR_FAILPOINT: 'finishing' }).ended;
    expect(struck.signal, struck.stderr).toBe('SIGKILL');
    const { code, stderr } = await replay();
    expect(code, stderr).toBe(0);
    expect(await rows()).toEqual(wanted);
  },
);

test(
  'a graph that was damaged by hand is rebuilt, killed while it is merged',
  { timeout: 400_000 },
  async () => {
    await way.commit(
      `INSERT INTO lines SELECT n, 1, n % 3, n, now(), NULL FROM generate_series(10, 29) AS n`,
      'DELETE FROM lines WHERE person_id = 20',
    );
    await way.drain('capture', 'govern', 'deliver');
    const graph = async () => {
      const { tables } = await way.compare();
      return tables.flatMap(({ table, stores }) =>
        stores
          .filter(
            ({ store, missing, extra, different }) =>
              store === 'graph' && missing + extra + different > 0,
          )
          .map(() => table),
      );
    };
    expect(await graph()).toEqual([]);
    const { url, user, password } = way.stack.neo4j;
    await using driver = neo4j.driver(url, neo4j.auth.basic(user, password));
    const [person, line] = ['people', 'lines'].map((name) => `${name}_${way.name}`);
    for (const query of [
      `MATCH (n:${person}) WHERE n.id % 7 = 0 SET n.mood = 'by hand', n.strange = 1`,
      `MATCH (n:${person}) WHERE n.id % 7 = 2 DETACH DELETE n`,
      `MATCH (n:${line})-[r:OF]->() WHERE n.person_id % 7 = 1 DELETE r`,
      `MATCH (n:${line}), (p:${person} {id: 4}) WHERE n.person_id % 7 = 3 CREATE (n)-[:OF]->(p)`,
      `MATCH (n:${person}) WHERE n.id % 7 = 4
     CREATE (m:${person}) SET m = n {.*, id: n.id + 1000, _key: '{"id":' + toString(n.id + 1000) + '}'}`,
    ])
      await driver.executeQuery(query);
    expect(await graph()).toEqual([`${way.name}.lines`, `${way.name}.people`]);

    const args = ['replay', 'range', '--into', 'neo4j', '--json'];
    const struck = await way.start(args, signed, { CONDUCTOR_FAILPOINT: 'merging' }).ended;
    expect(struck.signal, struck.stderr).toBe('SIGKILL');
    const { code, stderr } = await way.start(args, signed).ended;
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('goes on');
    expect(await graph()).toEqual([]);
  },
);
