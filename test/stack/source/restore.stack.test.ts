import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changesOf } from '../backfill/folded.ts';
import { items, people } from '../backfill/tables.ts';
import { openWay, type Way } from '../way/way.ts';
import { expectInMirror, expectItemsInTopic, fillMirror } from './arrived.ts';
import { type Copy, type OwnPostgres, ownPostgres, run } from './own-postgres.ts';

const tables = [items, people];
let way: Way;
let backup: Copy;
let server: OwnPostgres; // That is captured now.
const servers: OwnPostgres[] = [];

beforeAll(async () => {
  way = await openWay(tables);
  server = await ownPostgres();
  servers.push(server);
  await run(
    server.db(),
    `CREATE DATABASE ${way.name}`,
    `ALTER DATABASE ${way.name} SET search_path = ${way.name}, public`,
  );
  await run(server.db(way.name), `CREATE SCHEMA ${way.name}`);
  for (const { ddl } of tables) await run(server.db(way.name), ...ddl);
  await run(
    server.db(way.name),
    "INSERT INTO items SELECT n, 1, n, 'first', repeat('long', 1000) FROM generate_series(1, 1000) n",
    `INSERT INTO "Pe""ople s" SELECT n, 1, n, 'e' || n, NULL FROM generate_series(1, 50) n`,
  );
  const { code, stderr } = await capture();
  expect(code, stderr).toBe(0);
  backup = await server.copy();
});

afterAll(async () => {
  for (const each of [...servers, way]) await each?.[Symbol.asyncDispose]();
});

async function capture(...flags: readonly string[]) {
  const file = await way.variant(({ source }) => (source['url'] = server.url(way.name)));
  return way.start(['run', 'capture', ...flags, '--until-current'], file).ended;
}

/** What the backup does not have: all of it is captured, and delivered, and then it never happened. */
async function undone(round: number): Promise<void> {
  await run(
    server.db(way.name),
    `UPDATE items SET n = -n, note = 'undone ${round}' WHERE id % 10 = ${round}`,
    `INSERT INTO items VALUES (${5_000 + round}, 1, 1, 'undone', NULL)`,
    `DELETE FROM items WHERE id BETWEEN ${100 * round} AND ${100 * round + 20}`,
    `UPDATE "Pe""ople s" SET n = -n WHERE id = ${round}`,
    "SELECT pg_logical_emit_message(false, 'test', repeat('x', 8000000))", // A restored server's WAL ends well before.
  );
  const { code, stderr } = await capture();
  expect(code, stderr).toBe(0);
  await fillMirror(way);
}

test.for(['repair', 'resnapshot'] as const)(
  'after a restore to an earlier time, %s has topic and mirror follow, and what comes then is newer than all before',
  async (how) => {
    const round = how === 'repair' ? 1 : 2;
    await undone(round);
    server = await ownPostgres({ copyOf: backup });
    servers.push(server);
    await run(
      server.db(way.name),
      `UPDATE items SET note = 'another history' WHERE id % 100 = ${round}`,
      `INSERT INTO items VALUES (${6_000 + round}, 1, 1, 'only now', NULL)`,
      'DELETE FROM items WHERE id = 999',
    );
    const before = (await changesOf(way, 'items')).length;
    const { code, stderr } = await capture('--recover', how);
    expect(code, stderr).toBe(0);
    const sent = (await changesOf(way, 'items')).length - before;
    if (how === 'repair') expect(sent).toBeLessThan(200); // Of a thousand.
    const [{ era }] = await way.state.query(sql`SELECT era FROM cdc_offsets`);
    expect(era).toBe(round);
    await expectItemsInTopic(way, server.db(way.name));

    await run(
      server.db(way.name),
      `UPDATE items SET note = 'after' WHERE id IN (${round}, ${10 + round}, 500)`,
      `DELETE FROM items WHERE id = ${6_000 + round}`,
      `UPDATE "Pe""ople s" SET n = 77 WHERE id = ${round}`,
    );
    await capture();
    await expectItemsInTopic(way, server.db(way.name));
    await expectInMirror(way, server.db(way.name), ['items', 'Pe"ople s']);
  },
);
