import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { changesTopic } from '../../../contracts/topics.ts';
import { items, people } from '../backfill/tables.ts';
import { adminOf } from '../way/records.ts';
import { openWay, type Way } from '../way/way.ts';
import { expectInMirror, expectItemsInTopic, fillMirror } from './arrived.ts';

const rows = 3_000;
const tables = ['items', 'Pe"ople s'] as const;
let way: Way;
let never: string; // The way's configuration, without a first copy.

beforeAll(async () => {
  way = await openWay([items, people]);
  never = await way.variant(({ source }) => (source['snapshot'] = 'never'));
  await way.commit(
    `INSERT INTO items SELECT n, n % 7, n, md5(n::text), repeat('long', 600) FROM generate_series(1, ${rows}) n`,
    `INSERT INTO "Pe""ople s" SELECT n, 1, n, 'e' || n, NULL FROM generate_series(1, 50) n`,
  );
  await way.drain('capture');
  await fillMirror(way);
});

afterAll(() => way?.[Symbol.asyncDispose]());

/** Loses the slot, and changes of every kind with it. */
async function missed(round: number): Promise<void> {
  await way.source.query(sql`SELECT pg_drop_replication_slot(${way.name})`);
  await way.commit(
    `INSERT INTO items VALUES (${90_000 + round}, 1, 1, 'came', 'while it was gone')`,
    `UPDATE items SET note = 'changed ${round}' WHERE id % 500 = ${round}`,
    `UPDATE items SET id = ${80_000 + round} WHERE id = ${10 * round}`,
    `DELETE FROM items WHERE id % 100 = ${round}`,
    `DELETE FROM "Pe""ople s" WHERE id = ${round}`,
  );
}

async function recover(
  how: readonly string[],
  failpoint?: string,
): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const env: Record<string, string> = failpoint ? { CONDUCTOR_FAILPOINT: failpoint } : {};
  return way.start(['run', 'capture', ...how, '--until-current'], never, env).ended;
}

test('resnapshot leaves nothing behind that was deleted while the slot was gone, also where no first copy is wanted', async () => {
  await missed(1);
  const { code, stderr } = await recover(['--recover', 'resnapshot']);
  expect(code, stderr).toBe(0);
  await expectItemsInTopic(way, way.source);
  await expectInMirror(way, way.source, tables);
  await way.commit("INSERT INTO items VALUES (1, 1, 1, 'back', NULL)");
  await way.drain('capture');
  await expectItemsInTopic(way, way.source);
});

test.for(['produced:1', 'copied:1'])(
  'a resnapshot that is killed at %s is finished by whoever starts next, told to recover or not',
  async (failpoint) => {
    const round = 2 + ['produced:1', 'copied:1'].indexOf(failpoint);
    await missed(round);
    expect((await recover(['--recover', 'resnapshot'], failpoint)).code).toBe(null);
    const { code, stderr } = await recover([]);
    expect(code, stderr).toBe(0);
    await expectItemsInTopic(way, way.source);
  },
);

test('a repair of a table that its topic does not tell whole any more replaces it, too', async () => {
  {
    await using admin = await adminOf(way.stack);
    const topic = changesTopic(way.name, `${way.name}.items`);
    await admin.fetchTopicOffsets(topic); // Only then does kafkajs know its leaders.
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '1' }] });
  }
  await missed(5);
  const { code, stderr } = await recover(['--recover', 'repair']);
  expect(code, stderr).toBe(0);
  expect(stderr).toContain('its topic does not reach back far enough');
  expect(stderr).toContain('only what differs'); // Of the other table.
  await expectItemsInTopic(way, way.source);
  await expectInMirror(way, way.source, tables);
});
