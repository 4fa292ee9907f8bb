import { type ConnectionPool, sql } from '@databases/pg';
import { expect } from 'vitest';
import { openDatabase } from '../../../ops/demo/database.ts';
import { asText, byOffset, byPosition, changesOf } from '../backfill/folded.ts';
import type { Way } from '../way/way.ts';

const columns = ['id', 'tenant_id', 'n', 'note', 'body'];

/** Holds the topic of `items`, read in either way, against the table. */
export async function expectItemsInTopic(way: Way, source: ConnectionPool): Promise<void> {
  const found = (await source.query(
    sql`SELECT id, tenant_id, n, note, body FROM ${sql.ident(way.name, 'items')}`,
  )) as readonly Record<string, unknown>[];
  const expected = found
    .map((row) => columns.map((name) => String(row[name])).join('|'))
    .toSorted();
  const read = await changesOf(way, 'items');
  expect(asText(byPosition(read), columns)).toEqual(expected);
  expect(asText(byOffset(read), columns)).toEqual(expected);
}

/** Governs what was captured and delivers it to the mirror, and to nothing else. */
export async function fillMirror(way: Way): Promise<void> {
  const only = await way.variant((config) => {
    config.sinks = { postgres: config.sinks.postgres } as typeof config.sinks;
  });
  for (const pipeline of ['govern', 'deliver']) {
    const { code, stderr } = await way.start(['run', pipeline, '--until-current'], only).ended;
    expect(code, stderr).toBe(0);
  }
}

/** Holds the mirror against the tables, once it has everything. */
export async function expectInMirror(
  way: Way,
  source: ConnectionPool,
  tables: readonly string[],
): Promise<void> {
  await fillMirror(way);
  const mirror = openDatabase(way.urls.mirror);
  try {
    for (const table of tables) {
      const rows = sql`SELECT id::text, n, body FROM ${sql.ident(way.name, table)} ORDER BY id`;
      expect(await mirror.query(rows)).toEqual(await source.query(rows));
    }
  } finally {
    await mirror.dispose();
  }
}
