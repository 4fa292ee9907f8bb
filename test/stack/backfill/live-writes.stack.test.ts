import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openKeyring } from '../../../contracts/keys/open-keyring.ts';
import { compare } from '../../../ops/demo/compare.ts';
import { postgresStore } from '../../../ops/demo/stores.ts';
import { contractsInUse } from '../../../ops/policy/active.ts';
import { expectedRows } from '../../../ops/start/expected.ts';
import { runsAt } from '../../../pipelines/backfill/runs.ts';
import { lettersOf } from '../way/letters.ts';
import { type Way, openWay } from '../way/way.ts';
import type { Worker } from '../way/worker.ts';
import { asText, byOffset, byPosition, changesOf } from './folded.ts';
import { events, items, people } from './tables.ts';
import { startWriters } from './writers.ts';

const rows = 60_000;
let way: Way;

const long = (seed: string) => `repeat(md5(${seed}::text), 80)`;

beforeAll(async () => {
  way = await openWay([items, people, events]);
  await way.commit(
    `INSERT INTO items SELECT n, n % 7, n, md5(n::text), CASE WHEN n % 3 = 0 THEN ${long('n')} END
       FROM generate_series(1, ${rows}) n`,
    `INSERT INTO "Pe""ople s" SELECT n, n % 7, n, 'e' || n, CASE WHEN n % 3 = 0 THEN ${long('n')} END
       FROM generate_series(1, ${rows / 10}) n`,
    `INSERT INTO events SELECT n, n % 4, n FROM generate_series(1, ${rows}) n`,
  );
});

afterAll(() => way?.[Symbol.asyncDispose]());

const statements = [
  (random, fresh) =>
    `INSERT INTO items VALUES (${fresh()}, 1, 0, 'new', ${long(`${random.below(99)}`)})`,
  (random) => `UPDATE items SET n = n + 1 WHERE id = ${random.below(rows)}`, // The body is not sent.
  (random) =>
    `UPDATE items SET n = n + 1 WHERE id BETWEEN ${random.below(rows)} AND ${random.below(rows)} AND id % 997 = 0`,
  (random) =>
    `UPDATE items SET body = ${long(`${random.below(99)}`)} WHERE id = ${random.below(rows)}`,
  (random) => `DELETE FROM items WHERE id = ${random.below(rows)}`,
  (random, fresh) =>
    `UPDATE items SET id = ${fresh()}, body = 'moved' WHERE id = ${random.below(rows)}`,
  (random) => `UPDATE "Pe""ople s" SET n = n + 1 WHERE id = ${random.below(rows / 10)}`,
  (random, fresh) =>
    `UPDATE "Pe""ople s" SET id = ${fresh()} WHERE id = ${random.below(rows / 10)}`,
  (random) => `DELETE FROM "Pe""ople s" WHERE id = ${random.below(rows / 10)}`,
  (random) => `UPDATE events SET n = n + 1 WHERE id = ${random.below(rows)}`,
  (random) => `UPDATE events SET tenant_id = ${random.below(4)} WHERE id = ${random.below(rows)}`,
  (random) => `DELETE FROM events WHERE id = ${random.below(rows)}`,
] as const satisfies Parameters<typeof startWriters>[2];

const tables = [
  { name: 'items', columns: ['id', 'tenant_id', 'n', 'note', 'body'] },
  { name: 'Pe"ople s', columns: ['id', 'tenant_id', 'n', 'body'] },
  { name: 'events', columns: ['id', 'tenant_id', 'n'] },
] as const;

async function runs() {
  return (await way.state.query(sql`SELECT * FROM cdc_backfills ORDER BY id`)) as readonly {
    readonly table_name: string;
    readonly status: string;
    readonly row_count: string;
    readonly parts: readonly { readonly done: readonly unknown[] }[];
  }[];
}

async function tableText(name: string, columns: readonly string[]): Promise<readonly string[]> {
  const found = (await way.source.query(
    sql`SELECT ${sql.join(
      columns.map((column) => sql.ident(column)),
      ',',
    )} FROM ${sql.ident(way.name, name)}`,
  )) as readonly Record<string, unknown>[];
  return found.map((row) => columns.map((column) => String(row[column])).join('|')).toSorted();
}

const copied = async () =>
  (await runs().catch(() => [])).reduce((sum, { row_count: count }) => sum + Number(count), 0);

const progressed = (capture: Worker, beyond: number) =>
  vi.waitFor(async () => expect(await copied(), capture.stderr).toBeGreaterThan(beyond), {
    timeout: 60_000,
    interval: 20,
  });

test('a first copy under live writes, killed, paused and resumed, ends equal for every reader', async () => {
  await using writers = startWriters(way.urls.source, [1, 2, 3], statements);
  for (const share of [0.02, 0.2, 0.4]) {
    await using capture = way.start(['run', 'capture']);
    await progressed(capture, rows * share);
    capture.kill('SIGKILL');
    await capture.ended;
  }
  const before = await copied();
  expect(before).toBeGreaterThan(rows * 0.4); // Nothing of it begins again.

  const eventsName = `${way.name}.events`;
  const paused = await way.start(['backfill', '--pause', '--table', eventsName, '--json']).ended;
  expect(paused.code, paused.stderr).toBe(0);
  await using asked = await runsAt(way.urls.state, `${way.name}/${way.name}`);
  const capture = way.start(['run', 'capture']);
  await capture.running();
  await asked.set(`${way.name}.items`, 'paused'); // While ranges of it are being read.
  await asked.set(`${way.name}.items`, 'waiting');
  const statuses = async () =>
    Object.fromEntries(
      (await runs()).map(({ table_name: table, status }) => [table.split('.')[1], status]),
    );
  const become = (wanted: Readonly<Record<string, string>>) =>
    vi.waitFor(async () => expect(await statuses(), capture.stderr).toEqual(wanted), {
      timeout: 120_000,
      interval: 200,
    });
  await become({ items: 'done', 'Pe"ople s': 'done', events: 'paused' });
  const resumed = await way.start(['backfill', '--resume', '--table', eventsName]).ended;
  expect(resumed.code, resumed.stderr).toBe(0);
  await become({ items: 'done', 'Pe"ople s': 'done', events: 'done' });
  const during = writers.committed;
  await vi.waitFor(() => expect(writers.committed).toBeGreaterThan(during + 100), {
    timeout: 30_000,
  });
  await writers[Symbol.asyncDispose]();
  await capture[Symbol.asyncDispose]();
  await way.drain('capture');

  for (const { name, columns } of tables) {
    const read = await changesOf(way, name);
    const expected = await tableText(name, columns);
    expect(asText(byPosition(read), columns), `${name} by position`).toEqual(expected);
    expect(asText(byOffset(read), columns), `${name} by offset`).toEqual(expected);
  }
});

test('what was copied comes to rest in the mirror, and only updates whose base was gone become letters', async () => {
  await way.drain('govern', 'deliver-postgres');
  const reasons = async (pipeline: string) =>
    (await lettersOf(way, pipeline, ''))
      .filter(({ letter }) => String(letter['origin']).includes(way.name))
      .map(({ letter }) => letter['reason']);
  expect(await reasons('capture')).toEqual([]);
  expect(await reasons('govern')).toEqual([]);
  // An update without its long text, of a row that was gone before its base could be fetched: its delete follows.
  expect(new Set(['missing-base', ...(await reasons('deliver-postgres'))]).size).toBe(1);
  await using keyring = await openKeyring(way.config.keyring);
  await using source = postgresStore('source', way.urls.source, ({ columns }) => columns);
  await using mirror = postgresStore('mirror', way.urls.mirror);
  const comparison = await compare({
    contracts: [...way.contracts.values()],
    source,
    stores: [mirror],
    expected: expectedRows(await contractsInUse(way.config, way.contracts), keyring),
  });
  expect(comparison.equal, JSON.stringify(comparison, null, 1)).toBe(true);
});
