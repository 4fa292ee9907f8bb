import { sql } from '@databases/pg';
import { expect, test, vi } from 'vitest';
import { changesTopic } from '../../../contracts/topics.ts';
import { endsOf } from '../../../pipelines/topic/admin.ts';
import { kafkaOptions } from '../../../pipelines/topic/kafka.ts';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay } from '../way/way.ts';

const rows = 20;
const tables = Array.from({ length: 100 }, (_, n): TestTable => ({
  name: `t${n}`,
  ddl: [`CREATE TABLE t${n} (id bigint PRIMARY KEY, tenant_id bigint, note text)`],
  tenant: null,
  subject: null,
  relationships: [],
  columns: [
    keep('id', 'bigint', { keyPosition: 1 }),
    keep('tenant_id', 'bigint'),
    keep('note', 'text'),
  ],
}));

test('a hundred tables are copied and streamed by one capture, each into a topic of its own', async () => {
  await using way = await openWay(tables);
  await way.commit(
    ...tables.map(
      ({ name }) => `INSERT INTO ${name} SELECT n, n, 'a' FROM generate_series(1, ${rows}) n`,
    ),
  );
  const worker = way.start(['run', 'capture']);
  await worker.running();
  await vi.waitFor(
    async () => {
      const [done] = await way.state.query(
        sql`SELECT count(*)::int AS runs, sum(row_count)::int AS rows FROM cdc_backfills WHERE status = 'done'`,
      );
      expect(done, worker.stderr).toEqual({ runs: tables.length, rows: tables.length * rows });
    },
    { timeout: 60_000, interval: 100 },
  );
  await way.commit(...tables.map(({ name }) => `UPDATE ${name} SET note = 'b'`));
  const topics = tables.map(({ name }) => changesTopic(way.name, `${way.name}.${name}`));
  const counted = async () => {
    const records = new Map(topics.map((topic) => [topic, 0n]));
    for (const [lane, end] of await endsOf(kafkaOptions(way.config, 'test'), topics)) {
      const topic = lane.slice(0, lane.lastIndexOf('/'));
      records.set(topic, (records.get(topic) ?? 0n) + end);
    }
    return records;
  };
  const want = new Map(topics.map((topic) => [topic, BigInt(2 * rows)]));
  await vi.waitFor(async () => expect(await counted(), worker.stderr).toEqual(want), {
    timeout: 30_000,
    interval: 200,
  });
  worker.kill('SIGTERM');
  expect((await worker.ended).code).toBe(0);
}, 90_000);
