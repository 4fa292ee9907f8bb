import { createClient } from '@clickhouse/client';
import { sql } from '@databases/pg';
import neo4j from 'neo4j-driver';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { registryAt } from '../../../contracts/registry.ts';
import { openDatabase } from '../../../ops/demo/database.ts';
import { verifiedSinks } from '../../../ops/worker/verified-sinks.ts';
import type { Verified } from '../../../pipelines/delivered/verified.ts';
import { verifyTable } from '../../../pipelines/delivered/verify-table.ts';
import { kafkaOptions } from '../../../pipelines/topic/kafka.ts';
import { startWriters, type Writers } from '../backfill/writers.ts';
import { printSeed, seed } from '../capture/seed.ts';
import { testTables } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';
import { allKinds, kindRows, oddRows } from './all-kinds.ts';

let way: Way;
let writers: Writers;

/** What of it nobody writes to: there differences are planted. */
const quiet = 50;

beforeAll(async () => {
  printSeed();
  way = await openWay([...testTables, allKinds]);
  await way.commit(
    kindRows(1, 2_000),
    ...oddRows.split(';\n'),
    `INSERT INTO people SELECT n, n % 3, n, 'n' || n, 'e' || n, NULL, 'm', repeat('b', 3000) FROM generate_series(1, 300) n`,
    `INSERT INTO lines SELECT n, m, 1, n * 1.50, now(), repeat('x', 3000 * (n % 2)) FROM generate_series(1, 300) n, generate_series(1, 3) m`,
    `INSERT INTO marks SELECT n, 1, n FROM generate_series(1, 500) n`,
  );
  await way.drain('capture'); // What is there is copied; what comes now is streamed.
  await way.commit(
    `UPDATE kinds SET yes = NOT yes, d = d + 1 WHERE tenant_id = 1`,
    `DELETE FROM kinds WHERE tenant_id = 2`,
    `UPDATE people SET mood = 'new' WHERE id % 2 = 0`,
    `UPDATE people SET id = id + 1000 WHERE id % 7 = 0`,
    `UPDATE lines SET amount = 7 WHERE no = 2`,
    `TRUNCATE marks`,
  );
  await way.commit(`INSERT INTO marks SELECT n, 2, n FROM generate_series(100, 300) n`);
  await way.drain();
}, 420_000);

afterAll(async () => {
  await writers?.[Symbol.asyncDispose]();
  await way?.[Symbol.asyncDispose]();
});

test('what was delivered is equal in every sink, whatever its types', async () => {
  const { code, stdout, stderr } = await way.start(['verify', 'delivery', '--json']).ended;
  expect(stdout, stderr).toMatch(/^\{/);
  const told = JSON.parse(stdout) as { readonly tables: readonly Verified[] };
  for (const table of told.tables)
    expect(table).toMatchObject({
      equal: true,
      differences: [],
      uncompared: [],
      partial: false,
      unsettled: 0,
    });
  expect(told.tables).toHaveLength(3 * 4);
  expect(told).toMatchObject({ equal: true });
  expect(code).toBe(0);
  for (const { rows } of told.tables) expect(rows).toBeGreaterThan(100);
});

/** One table in one sink, as it is now. */
async function verified(sink: string, table: string): Promise<Verified> {
  const { config, contracts, name } = way;
  const contract = contracts.get(`${name}.${table}`);
  const at = verifiedSinks(config).find((each) => each.sink === sink);
  if (!contract || !at) throw new TypeError(`no ${table} in ${sink}`);
  const verifying = {
    database: config.database,
    kafka: kafkaOptions(config, 'verify'),
    registry: registryAt(config.registry.url),
    contracts: [...contracts.values()],
    state: null,
    saves: false,
  };
  return verifyTable(verifying, contract, at);
}

test('while everything is written to, what is equal is equal', async () => {
  for (const pipeline of ['capture', 'govern', 'deliver']) way.start(['run', pipeline]);
  const pick = (random: { below(n: number): number }) => quiet + 1 + random.below(250);
  writers = startWriters(
    way.urls.source,
    [seed, seed + 1],
    [
      (random) => `UPDATE people SET mood = 'm${random.below(9)}' WHERE id = ${pick(random)}`,
      (random) =>
        `UPDATE lines SET amount = amount + 1 WHERE person_id = ${pick(random)} AND no = 1`,
      (random) =>
        `UPDATE lines SET person_id = ${pick(random)} WHERE person_id = ${pick(random)} AND no = 3`,
      (random) => `DELETE FROM lines WHERE person_id = ${pick(random)} AND no = 2`,
      (_, fresh) => `INSERT INTO marks VALUES (${fresh()}, 1, 2)`,
      (random) => `UPDATE marks SET n = n + 1 WHERE id = ${100 + random.below(200)}`,
      (random) => (random.chance(0.02) ? 'TRUNCATE marks' : 'DELETE FROM marks WHERE n % 5 = 4'),
    ],
  );
  const all: Verified[] = [];
  const comeTo = () =>
    all.findLast(({ sink, table }) => sink === 'neo4j' && table.endsWith('marks'))?.applied ?? [];
  let first: readonly string[] | null = null;
  for (let round = 0; round < 4 || sumOf(comeTo()) < sumOf(first ?? []) + 100; round++) {
    for (const sink of ['postgres', 'neo4j', 'clickhouse'])
      for (const table of ['people', 'lines', 'marks']) all.push(await verified(sink, table));
    first ??= comeTo();
  }
  expect(all.filter(({ equal }) => !equal)).toEqual([]);
}, 300_000);

const sumOf = (offsets: readonly string[]): number =>
  offsets.reduce((sum, offset) => sum + Number(offset), 0);

test('a row that the mirror has otherwise, no more, too much, or of another time is named', async () => {
  const mirror = openDatabase(way.urls.mirror);
  const lines = sql.ident(way.name, 'lines');
  const at = (no: number) => sql`WHERE person_id = ${no} AND no = 1`;
  try {
    await mirror.query(sql`UPDATE ${lines} SET amount = amount + 0.01 ${at(2)}`);
    await mirror.query(sql`UPDATE ${lines} SET note = NULL ${at(3)}`);
    await mirror.query(sql`DELETE FROM ${lines} ${at(4)}`);
    await mirror.query(
      sql`INSERT INTO ${lines} SELECT 9999, no, tenant_id, amount, at, note, _position FROM ${lines} ${at(5)}`,
    );
    await mirror.query(
      sql`UPDATE ${lines} SET _position = '0' || substr(_position, 2, 10) || repeat('0', 31) ${at(6)}`,
    );
    await mirror.query(sql`UPDATE ${lines} SET _position = 'f' || substr(_position, 2) ${at(8)}`);
    const { equal, counts, differences } = await verified('postgres', 'lines');
    expect(equal).toBe(false);
    expect(differences.toSorted((a, b) => (a.key < b.key ? -1 : 1))).toEqual([
      { kind: 'other', key: '{"person_id":2,"no":1}' },
      { kind: 'other', key: '{"person_id":3,"no":1}' },
      { kind: 'missing', key: '{"person_id":4,"no":1}' },
      { kind: 'older', key: '{"person_id":6,"no":1}' },
      { kind: 'newer', key: '{"person_id":8,"no":1}' },
      { kind: 'extra', key: '{"person_id":9999,"no":1}' },
    ]);
    expect(counts).toEqual({ other: 2, missing: 1, older: 1, newer: 1, extra: 1 });
  } finally {
    await mirror.dispose();
  }
  const args = ['verify', 'delivery', '--sink', 'postgres', '--table', `${way.name}.lines`];
  const { code, stdout } = await way.start(args).ended;
  expect(stdout).toMatch(/missing +\{"person_id":4,"no":1\}/);
  expect(code).toBe(3);
});

test('a node that is otherwise, no more or too much, and a relationship that is lost, are named', async () => {
  const { url, user, password } = way.stack.neo4j;
  const driver = neo4j.driver(url, neo4j.auth.basic(user, password), { useBigInt: true });
  const [lines, people] = [`lines_${way.name}`, `people_${way.name}`];
  const one = (id: number) => `MATCH (n:${lines} {person_id: ${id}, no: 1})`;
  try {
    await driver.executeQuery(`${one(2)} SET n.amount = '0.00'`);
    await driver.executeQuery(`${one(3)}-[r:OF]->() DELETE r`);
    await driver.executeQuery(`${one(4)} DETACH DELETE n`);
    await driver.executeQuery(
      `${one(5)} CREATE (m:${lines}) SET m = n {.*, _key: 'none', person_id: null}`,
    );
    await driver.executeQuery(`${one(6)} MATCH (p:${people} {id: 8}) CREATE (n)-[:OF]->(p)`);
    const { equal, differences } = await verified('neo4j', 'lines');
    expect(equal).toBe(false);
    expect(differences.toSorted((a, b) => (a.key < b.key ? -1 : 1))).toEqual([
      { kind: 'extra', key: 'none' },
      { kind: 'other', key: '{"person_id":2,"no":1}' },
      { kind: 'relationship', key: '{"person_id":3,"no":1}', relationship: 'missing `OF`' },
      { kind: 'missing', key: '{"person_id":4,"no":1}' },
      { kind: 'relationship', key: '{"person_id":6,"no":1}', relationship: 'extra `OF`' },
    ]);
  } finally {
    await driver.close();
  }
});

test('a change that the history has twice, otherwise, no more or too much is named', async () => {
  const { url, user, password } = way.stack.clickhouse;
  const client = createClient({ url, username: user, password, database: way.name });
  const run = (query: string) => client.command({ query });
  const history = `${way.name}_lines_history`;
  const at = (id: number) => `WHERE person_id = ${id} AND no = 1 AND _op = 'insert'`;
  try {
    await run(`ALTER TABLE ${history} DELETE ${at(4)} SETTINGS mutations_sync = 1`);
    await run(`ALTER TABLE ${history} UPDATE amount = 0.01 ${at(5)} SETTINGS mutations_sync = 1`);
    await run(`SYSTEM STOP MERGES ${history}`); // One would fold into one what is there twice; they stay stopped, for the next test.
    await run(`INSERT INTO ${history} SELECT * FROM ${history} ${at(2)}`);
    await run(
      `INSERT INTO ${history} SELECT * REPLACE (9999 AS person_id) FROM (SELECT * FROM ${history} ${at(3)})`,
    );
    const { equal, differences } = await verified('clickhouse', 'lines');
    expect(equal).toBe(false);
    const insert = expect.stringMatching(/^insert 0{7}1\//) as unknown;
    expect(differences.toSorted((a, b) => (a.key < b.key ? -1 : 1))).toEqual([
      { kind: 'doubled', key: '{"person_id":2,"no":1}', change: insert },
      { kind: 'missing', key: '{"person_id":4,"no":1}', change: insert },
      { kind: 'other', key: '{"person_id":5,"no":1}', change: insert },
      { kind: 'extra', key: '{"person_id":9999,"no":1}', change: insert },
    ]);
  } finally {
    await client.close();
  }
});

test('conductor run verify counts what differs, and goes on from what it kept', async () => {
  const state = openDatabase(way.urls.state);
  const worker = way.start(['run', 'verify']);
  try {
    const health = await worker.running();
    const differing = async () => {
      const text = await (await fetch(`${health}/metrics`)).text();
      return [
        ...text.matchAll(/conductor_delivery_differs\{sink="(\w+)",table="\w+\.(\w+)"\} (\d+)/g),
      ].map(([, sink, table, count]) => `${sink} ${table} ${count}`);
    };
    await vi.waitFor(async () => expect(await differing()).toHaveLength(12), {
      timeout: 120_000,
      interval: 200,
    });
    expect((await differing()).filter((each) => !each.endsWith(' 0')).toSorted()).toEqual([
      'clickhouse lines 4',
      'neo4j lines 5',
      'postgres lines 6',
    ]);
    expect(await state.query(sql`SELECT count(*)::int AS kept FROM conductor_delivered`)).toEqual([
      { kept: 12 },
    ]);
  } finally {
    await worker[Symbol.asyncDispose]();
  }
  // What is kept is believed: were it not read, the topic would say otherwise.
  await state.query(sql`UPDATE conductor_delivered_pages SET words = substr(words, 1, 0)
    WHERE task LIKE '%/postgres/%people'`);
  const args = [
    'verify',
    'delivery',
    '--sink',
    'postgres',
    '--table',
    `${way.name}.people`,
    '--json',
  ];
  const known = await way.start(args).ended;
  expect(known.code).toBe(3);
  const anew = await way.start([...args, '--anew']).ended;
  expect(anew.code, anew.stdout).toBe(0);
  await state.dispose();
});
