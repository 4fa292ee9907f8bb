import { setTimeout as wait } from 'node:timers/promises';
import { sql } from '@databases/pg';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openDatabase } from '../../../ops/demo/database.ts';
import { seeded } from '../../../ops/demo/random.ts';
import { printSeed, seed } from '../capture/seed.ts';
import { bankTables, openAccounts, Reader, sum, trade } from './bank.ts';
import { openWay, type Way } from './way.ts';
import type { Worker } from './worker.ts';

let way: Way;
let config: string;
const pipelines = ['capture', 'govern', 'transactions', 'deliver-postgres'] as const;

beforeEach(async () => {
  way = await openWay(bankTables);
  config = await way.variant((raw) => {
    const consistency = process.env['CONDUCTOR_TEST_CONSISTENCY'] ?? 'transactions'; // The other shows what a reader sees then.
    Object.assign(raw.sinks.postgres, { consistency });
  });
  await drain('capture', 'deliver-postgres'); // The slot is there, and the mirror's tables are.
});

afterEach(() => way?.[Symbol.asyncDispose]());

async function drain(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const { code, stderr } = await way.start(['run', name, '--until-current'], config).ended;
    expect(code, stderr).toBe(0);
  }
}

async function mirrored(table: string): Promise<readonly Record<string, unknown>[]> {
  const db = openDatabase(way.urls.mirror);
  try {
    return await db.query(sql`SELECT * FROM ${sql.ident(way.name, table)} ORDER BY 1, 2`);
  } finally {
    await db.dispose();
  }
}

/** What rests in the mirror is what was committed. */
async function expectSame(): Promise<void> {
  for (const { name, columns } of bankTables) {
    const source = await way.source.query(sql`SELECT * FROM ${sql.ident(name)} ORDER BY 1, 2`);
    const rows = (await mirrored(name)).map((row) =>
      Object.fromEntries(columns.map((column) => [column.name, row[column.name]])),
    );
    expect(rows, name).toEqual(source);
  }
}

test('whoever reads the mirror never sees half of a transaction, whichever worker is killed, and at last sees all', async () => {
  printSeed();
  const random = seeded(seed);
  // Two govern, each some of the lanes; of two that deliver one waits for its turn.
  const names = [...pipelines, 'govern', 'deliver-postgres'];
  const running: Worker[] = [];
  const start = (index: number) => {
    running[index] = way.start(['run', names[index] ?? ''], config);
  };
  for (const index of names.keys()) start(index);
  await using reader = new Reader(way);
  await openAccounts(way);
  const stop = new AbortController();
  const trading = trade(way, seed, stop.signal);
  try {
    for (let kills = 0; kills < 8; kills++) {
      const { size } = reader.seen;
      await vi.waitFor(() => expect(reader.seen.size).toBeGreaterThan(size + 2), {
        timeout: 150_000,
        interval: 20,
      });
      await wait(random.below(700)); // Somewhere in its work.
      const victim = random.pick([names.indexOf('deliver-postgres'), ...names.keys()]);
      running[victim]?.kill('SIGKILL');
      await running[victim]?.ended;
      start(victim);
    }
  } finally {
    stop.abort();
    await trading.catch(() => {});
  }
  expect(await trading).toBeGreaterThan(500);
  for (const worker of running) await worker[Symbol.asyncDispose]();
  await drain(...pipelines);
  expect(reader.broken.slice(0, 3)).toEqual([]);
  expect(reader.looks).toBeGreaterThan(100);
  await expectSame();
}, 900_000);

test.each(['writing:2', 'written:2', 'sent:3'])(
  'struck at %s, nothing of a transaction is seen twice, by half or never',
  async (failpoint) => {
    await openAccounts(way);
    const stop = new AbortController();
    const trading = trade(way, seed, stop.signal);
    await using reader = new Reader(way);
    const env = { CONDUCTOR_FAILPOINT: failpoint };
    const struck = failpoint.startsWith('sent') ? 'transactions' : 'deliver-postgres';
    const workers = pipelines.map((name) =>
      way.start(['run', name], config, name === struck ? env : {}),
    );
    const victim = workers[pipelines.indexOf(struck)];
    expect(await victim?.ended).toMatchObject({ signal: 'SIGKILL' });
    stop.abort();
    await trading;
    for (const worker of workers) await worker[Symbol.asyncDispose]();
    await drain(...pipelines);
    expect(reader.broken.slice(0, 3)).toEqual([]);
    await expectSame();
  },
  400_000,
);

test('a transaction of many parts is seen whole, and what the mirror refuses of it is a dead letter', async () => {
  await openAccounts(way);
  const db = openDatabase(way.urls.mirror);
  await db.query(
    sql`ALTER TABLE ${sql.ident(way.name, 'order_lines')} ADD CONSTRAINT fine CHECK (note <> 'poison')`,
  );
  await using reader = new Reader(way);
  await way.commit(
    `INSERT INTO orders SELECT n, 2 FROM generate_series(1, 9000) AS n`,
    `INSERT INTO order_lines SELECT n, no, 'fine' FROM generate_series(1, 9000) AS n, generate_series(1, 2) AS no`,
    `UPDATE giro SET cents = cents - 10`,
    `UPDATE savings SET cents = cents + 10`,
  );
  await drain(...pipelines);
  expect(reader.broken.slice(0, 3)).toEqual([]);
  expect([...reader.seen].toSorted((a, b) => a - b)).toEqual([0, 9_000]);
  await way.commit(
    `INSERT INTO orders VALUES (0, 1)`,
    `INSERT INTO order_lines VALUES (0, 1, 'fine'), (0, 2, 'poison')`,
  );
  await drain(...pipelines);
  expect(reader.broken.slice(0, 3)).toEqual([]);
  expect(await mirrored('order_lines')).toHaveLength(18_001);
  await db.dispose();
  const { stdout } = await way.start(['dlq', 'list', '--json'], config).ended;
  expect(stdout).toMatch(/rejected-by-sink/);
}, 400_000);

test('rows that were there before are copied, and a mirror that was the fastest becomes whole', async () => {
  await openAccounts(way);
  await way.drain('capture', 'govern', 'deliver-postgres'); // The fastest way, once.
  await way.commit(`UPDATE giro SET cents = cents - 5`, `UPDATE savings SET cents = cents + 5`);
  await drain(...pipelines);
  await expectSame();
  const total = [...(await mirrored('giro')), ...(await mirrored('savings'))];
  expect(total.reduce((all, { cents }) => all + Number(cents), 0)).toBe(sum);
}, 400_000);
