import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openWay, type Way } from '../way/way.ts';
import { asText, byOffset, byPosition, changesOf } from './folded.ts';
import { items, people } from './tables.ts';

const rows = 5_000;
const columns = ['id', 'tenant_id', 'n', 'note', 'body'];
let way: Way;

beforeAll(async () => {
  way = await openWay([items, people]);
  await way.commit(
    `INSERT INTO items SELECT n, n % 7, n, md5(n::text), repeat('long', 1000) FROM generate_series(1, ${rows}) n`,
    `INSERT INTO "Pe""ople s" SELECT n, 1, n, 'e' || n, NULL FROM generate_series(1, 100) n`,
  );
  await way.drain('capture');
  await way.commit(
    'UPDATE items SET n = n + 1 WHERE id % 100 = 0',
    'DELETE FROM items WHERE id = 50',
  );
  await way.drain('capture');
});

afterAll(() => way?.[Symbol.asyncDispose]());

async function loseSlot(): Promise<void> {
  await way.source.query(sql`SELECT pg_drop_replication_slot(${way.name})`);
}

const repair = async () => {
  const { code, stderr } = await way.start([
    'run',
    'capture',
    '--recover',
    'repair',
    '--until-current',
  ]).ended;
  expect(code, stderr).toBe(0);
  return stderr;
};

test('what was committed while the slot was gone arrives, and what did not differ is not sent again', async () => {
  await loseSlot();
  await way.commit(
    "INSERT INTO items VALUES (90001, 1, 1, 'came', 'while it was gone')",
    "UPDATE items SET note = 'changed' WHERE id IN (7, 4000)",
    'UPDATE items SET id = 90002 WHERE id = 8',
    'DELETE FROM items WHERE id IN (9, 10, 11)',
    `UPDATE "Pe""ople s" SET "E mail" = 'new' WHERE id = 5`,
    `DELETE FROM "Pe""ople s" WHERE id = 6`,
  );
  const before = (await changesOf(way, 'items')).length;
  const peopleBefore = (await changesOf(way, 'Pe"ople s')).length;
  const said = await repair();
  expect(said).toContain('only what differs');

  const read = await changesOf(way, 'items');
  expect(read.length - before).toBe(4 + 4); // Two came, two changed; four are gone.
  expect((await changesOf(way, 'Pe"ople s')).length - peopleBefore).toBe(2);
  const found = (await way.source.query(
    sql`SELECT id, tenant_id, n, note, body FROM ${sql.ident(way.name, 'items')}`,
  )) as readonly Record<string, unknown>[];
  const expected = found
    .map((row) => columns.map((name) => String(row[name])).join('|'))
    .toSorted();
  expect(asText(byPosition(read), columns)).toEqual(expected);
  expect(asText(byOffset(read), columns)).toEqual(expected);
});

test('after a repair the stream goes on, and all of it comes to rest', async () => {
  await way.commit(
    "INSERT INTO items VALUES (9, 1, 1, 'back again', NULL)",
    'DELETE FROM items WHERE id = 90001',
  );
  await way.drain('capture');
  const folded = byPosition(await changesOf(way, 'items'));
  expect([...folded.values()].find(({ id }) => id === 9n)).toMatchObject({ note: 'back again' });
  expect([...folded.values()].some(({ id }) => id === 90001n)).toBe(false);
});
