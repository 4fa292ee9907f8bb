import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { lettersOf } from '../way/letters.ts';
import { openWay, type Way } from '../way/way.ts';
import type { Worker } from '../way/worker.ts';
import { changesOf } from './folded.ts';
import { items, people } from './tables.ts';

const patience = { timeout: 30_000, interval: 100 };
let way: Way;
let capture: Worker;

beforeAll(async () => {
  way = await openWay([items, people]);
  capture = way.start(['run', 'capture']);
  await capture.running();
});

afterAll(() => way?.[Symbol.asyncDispose]());

const ids = async (table: string) =>
  [
    ...new Set((await changesOf(way, table)).map(({ change }) => Number(change.key?.['id']))),
  ].toSorted((a, b) => a - b);

async function confirmed(): Promise<boolean> {
  const [head] = await way.source.query(sql`SELECT pg_current_wal_flush_lsn()::text AS lsn`);
  return vi.waitFor(async () => {
    const [slot] = await way.source.query(sql`
      SELECT confirmed_flush_lsn >= ${head.lsn}::pg_lsn AS reached
      FROM pg_replication_slots WHERE slot_name = ${way.name}`);
    expect(slot).toEqual({ reached: true });
    return true;
  }, patience);
}

const list = async () => {
  const { stdout } = await way.start(['schema', 'list', '--json']).ended;
  return JSON.parse(stdout) as { readonly refused: readonly { readonly table: string }[] };
};

test('an incompatible form is refused with an alarm, the rest goes on, and once accepted it flows again', async () => {
  const table = `${way.name}.items`;
  await way.commit("INSERT INTO items VALUES (1, 1, 1, 'a', 'b')");
  await vi.waitFor(async () => expect(await ids('items')).toEqual([1]), patience);
  await way.commit("ALTER TABLE items ALTER n TYPE text USING 'n' || n");
  await way.commit("INSERT INTO items VALUES (2, 1, 'two', 'a', 'b')");
  await way.commit(`INSERT INTO "Pe""ople s" VALUES (7, 1, 1, 'a', 'b')`);

  await vi.waitFor(async () => expect(await ids('Pe"ople s')).toEqual([7]), patience);
  expect(await confirmed()).toBe(true);
  const letters = await lettersOf(way, 'capture', `${way.name}@`);
  expect(letters.length).toBe(1);
  expect((await list()).refused.map((each) => each.table)).toEqual([table]);
  const health = await capture.running();
  const metrics = await (await fetch(`${health}/metrics`)).text();
  expect(metrics).toMatch(
    new RegExp(`conductor_refused_schema_total\\{pipeline="capture",table="${table}"\\} 1`),
  );
  expect(await ids('items')).toEqual([1]);

  const accepted = await way.start(['schema', 'accept', '--table', table]).ended;
  expect(accepted.code, accepted.stderr).toBe(0);
  await vi.waitFor(async () => {
    await way.commit("INSERT INTO items SELECT 100 + count(*), 1, 'n', 'a', 'b' FROM items"); // Whatever comes now.
    expect((await ids('items')).length).toBeGreaterThan(1);
  }, patience);
  expect(await confirmed()).toBe(true);
  expect((await list()).refused).toEqual([]);
});

test('what is not refused cannot be accepted', async () => {
  const { code, stderr } = await way.start(['schema', 'accept', '--table', `${way.name}.items`])
    .ended;
  expect(code).toBe(1);
  expect(stderr).toContain('conductor schema list');
});
