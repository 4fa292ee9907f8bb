import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { parseLsn } from '../../../schemas/lsn.ts';
import { openWay, type Way } from '../way/way.ts';
import { type Judge, judgeOf } from './judge.ts';
import { faultTables } from './tables.ts';

let way: Way;
let file: string;
let judge: Judge;

beforeAll(async () => {
  way = await openWay(faultTables);
  file = await way.variant(({ source }) => (source['twoPhase'] = true));
  await drained();
  judge = await judgeOf(way);
});

afterAll(async () => {
  // A prepared transaction outlives every session, and keeps other slots from being created.
  const left = (await way?.source.query(
    sql`SELECT gid FROM pg_prepared_xacts WHERE database = current_database()`,
  )) as readonly { readonly gid: string }[];
  for (const { gid } of left ?? []) await run(`ROLLBACK PREPARED '${gid}'`);
  await way?.[Symbol.asyncDispose]();
});

async function drained(): Promise<void> {
  const { code, stderr } = await way.start(['run', 'capture', '--until-current'], file).ended;
  expect(code, stderr).toBe(0);
}

const run = (...statements: readonly string[]) =>
  way.source.task(async (task) => {
    for (const statement of statements) await task.query(sql.__dangerous__rawValue(statement));
  });

const confirmed = async () => {
  const [row] = (await way.source.query(
    sql`SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = ${way.name}`,
  )) as readonly { readonly lsn: string }[];
  return parseLsn(row?.lsn ?? '0/0');
};

const head = async () => {
  const [row] = (await way.source.query(
    sql`SELECT pg_current_wal_insert_lsn()::text AS lsn`,
  )) as readonly { readonly lsn: string }[];
  return parseLsn(row?.lsn ?? '0/0');
};

/** How many of `things` Kafka has. */
const captured = async () =>
  (await judge.judge()).once.filter(({ table }) => table.endsWith('things')).length;

test.for(['COMMIT', 'ROLLBACK'] as const)(
  'a capture that is killed between PREPARE and %s PREPARED has what was decided, and nothing else',
  async (decision) => {
    const name = `'${way.name}_${decision}'`;
    const first = decision === 'COMMIT' ? 1 : 10;
    const before = await captured();
    await using worker = way.start(['run', 'capture'], file);
    await worker.running();
    await run(
      'BEGIN',
      `INSERT INTO things VALUES (${first}, 7, 1)`,
      `INSERT INTO notes VALUES (${first}, 1, repeat('long', 5000))`,
      `PREPARE TRANSACTION ${name}`,
    );
    const prepared = await head();
    await way.commit(`INSERT INTO things VALUES (${first + 1}, 7, 2)`);
    await vi.waitFor(async () => expect(await settledChanges(worker)).toBeGreaterThan(0), {
      timeout: 30_000,
    });
    expect(await confirmed()).toBeLessThan(prepared); // The server sends it once: it must not be told of more.
    worker.kill('SIGKILL');
    await worker.ended;
    await drained();
    expect(await confirmed()).toBeLessThan(prepared);
    await run(`${decision} PREPARED ${name}`);
    await drained();
    expect((await captured()) - before).toBe(decision === 'COMMIT' ? 2 : 1);
    await drained();
    expect(await confirmed()).toBeGreaterThan(prepared);
  },
);

async function settledChanges(worker: { running(): Promise<string> }): Promise<number> {
  const text = await (await fetch(`${await worker.running()}/metrics`)).text();
  return Number(/^conductor_settled_total\{pipeline="capture"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}
