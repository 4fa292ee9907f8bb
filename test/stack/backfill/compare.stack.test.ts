import { randomBytes } from 'node:crypto';
import { sql } from '@databases/pg';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { changesTopic } from '../../../contracts/topics.ts';
import type { Compared } from '../../../pipelines/compare/compare.ts';
import { clientOf, readAll } from '../way/records.ts';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay, type Way } from '../way/way.ts';
import type { Worker } from '../way/worker.ts';
import { people } from './tables.ts';

const types: TestTable = {
  name: 'types',
  ddl: [
    `CREATE TABLE types (id text PRIMARY KEY, tenant_id bigint, secret numeric, yes boolean, c char(5), f real,
      d double precision, n numeric(12,3), big numeric, at timestamptz, day date, bytes bytea, ip inet, j jsonb,
      list integer[], t time, u uuid, span interval)`,
  ],
  tenant: 'tenant_id',
  subject: null,
  columns: [
    keep('id', 'text', { keyPosition: 1 }),
    keep('tenant_id', 'bigint'),
    { name: 'secret', physicalType: 'numeric', rule: 'tokenise', classification: 'confidential' },
    ...(
      [
        ['yes', 'boolean'],
        ['c', 'character(5)'],
        ['f', 'real'],
        ['d', 'double precision'],
        ['n', 'numeric(12,3)'],
        ['big', 'numeric'],
        ['at', 'timestamp with time zone'],
        ['day', 'date'],
        ['bytes', 'bytea'],
        ['ip', 'inet'],
        ['j', 'jsonb'],
        ['list', 'integer[]'],
        ['t', 'time without time zone'],
        ['u', 'uuid'],
        ['span', 'interval'],
      ] as const
    ).map(([name, type]) => keep(name, type)),
  ],
  relationships: [],
};

let way: Way;
let capture: Worker;

beforeAll(async () => {
  way = await openWay([types, people]);
  await way.commit(
    `INSERT INTO types SELECT 'k' || n, n % 3, n * 1.10, n % 2 = 0, 'a' || n % 9, n * 0.1, n / 7.0, n * 1.125, n * 1e30,
       now() + n * interval '1 s', 'epoch'::date + n, decode(md5(n::text), 'hex'), ('10.0.0.' || n % 250)::inet,
       jsonb_build_object('n', n), ARRAY[n, NULL], '12:00'::time + n * interval '1 us', md5(n::text)::uuid, n * interval '1 h'
     FROM generate_series(1, 5000) n`,
    `INSERT INTO types VALUES ('odd', 1, 'NaN', NULL, '', 'Infinity', '-0', NULL, 'NaN', 'infinity', '-infinity', '', '::1/64', 'null', '{}', '24:00', NULL, '-1 mon')`,
    `INSERT INTO "Pe""ople s" SELECT n, 1, n, 'e' || n, repeat('x', 3000) FROM generate_series(1, 500) n`,
  );
  capture = way.start(['run', 'capture']);
  await capture.running();
  await vi.waitFor(
    async () => {
      const runs = await way.state.query(sql`SELECT status FROM cdc_backfills`);
      expect(runs).toEqual([{ status: 'done' }, { status: 'done' }]);
    },
    { timeout: 30_000, interval: 50 },
  );
  await way.commit(
    `UPDATE types SET yes = NOT yes WHERE tenant_id = 1`,
    `DELETE FROM types WHERE tenant_id = 2`,
    `UPDATE "Pe""ople s" SET n = n + 1 WHERE id % 3 = 0`,
  );
});

afterAll(() => way?.[Symbol.asyncDispose]());

async function compared(table: string, ...args: readonly string[]) {
  const { code, stdout, stderr } = await way.start([
    'backfill',
    '--table',
    `${way.name}.${table}`,
    ...args,
    '--json',
  ]).ended;
  expect(stdout, stderr).toMatch(/^\{/);
  const json = JSON.parse(stdout) as { readonly compared?: Compared } & Compared;
  return { code, result: json.compared ?? json };
}

test.for(['types', 'Pe"ople s'])(
  'a copy of %s ends equal, by counts and checksums',
  async (table) => {
    const { code, result } = await compared(table, '--wait');
    expect(result, capture.stderr).toMatchObject({
      equal: true,
      partial: false,
      missing: 0,
      extra: 0,
      different: 0,
    });
    expect(result.source).toEqual(result.topic);
    expect(result.source.rows).toBeGreaterThan(400);
    expect(code).toBe(0);
  },
);

test('a row that the topic has otherwise, and one that it does not have, are counted and named by keyed hashes', async () => {
  const { compression } = { compression: kafkajs.CompressionTypes.None };
  const topic = changesTopic(way.name, `${way.name}.types`);
  const records = await readAll(way.stack, [topic]);
  const producer = clientOf(way.stack).producer();
  await producer.connect();
  const last = records.findLast(({ key }) => key?.toString().includes('"k7"'))!;
  const other = Buffer.from(last.key!.toString().replace('k7', randomBytes(4).toString('hex')));
  await producer.send({
    topic,
    compression,
    messages: [{ key: other, value: last.value, partition: last.partition }],
  });
  await producer.disconnect();
  const { code, result } = await compared('types', '--compare');
  expect(code).toBe(3);
  expect(result.equal).toBe(false);
  expect(result.topic.rows).toBe(result.source.rows + 1);
  expect(JSON.stringify(result)).not.toContain('k7');
});
