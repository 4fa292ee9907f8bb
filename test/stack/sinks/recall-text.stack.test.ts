import { randomBytes } from 'node:crypto';
import { createClient } from '@clickhouse/client';
import { expect, test } from 'vitest';
import type { Config } from '../../../contracts/config.ts';
import type { TableContract } from '../../../contracts/contract.ts';
import { registryAt } from '../../../contracts/registry.ts';
import { governedShape } from '../../../contracts/shapes.ts';
import { governedTopic, topicSettings } from '../../../contracts/topics.ts';
import { recallText } from '../../../ops/worker/recall-text.ts';
import { TextColumns } from '../../../ops/worker/text-columns.ts';
import { ensureTopics } from '../../../pipelines/topic/admin.ts';
import { governedSchema } from '../../../schemas/avro.ts';
import { encodeGoverned } from '../../../schemas/wire.ts';
import { warehouse } from '../../../sinks/clickhouse.ts';
import { topicSink } from '../../../sinks/topic.ts';
import { changesOf, contractOf } from '../../sinks/changes.ts';
import { kafka, stack } from './records-topic.ts';

const kept = contractOf('public.t', { id: 'bigint', n: 'integer' });
const asked = { ...kafka, requestTimeout: 30_000 };
const masked: TableContract = {
  ...kept,
  columns: kept.columns.map((column) =>
    column.name === 'n' ? { ...column, rule: 'mask' } : column,
  ),
};

test('a worker that begins anew opens the warehouse as the one before it left it, though a policy has made a column text', async () => {
  const database = `recall_${randomBytes(5).toString('hex')}`;
  const registry = registryAt(stack.registry.url);
  const topic = governedTopic(database, kept.table);
  await ensureTopics(kafka, [topicSettings(topic, 3)], 1);
  const send = async (contract: TableContract, lsn: number, n: number | string) => {
    const shape = governedShape(contract);
    const schema = await registry.register(`${topic}.${lsn}`, governedSchema(shape));
    const change = changesOf(contract).insert(lsn, { id: BigInt(lsn), n });
    const value = encodeGoverned(schema, shape, change);
    await using sink = topicSink(kafka, topic, (each: typeof record) => each, 1_000_000);
    const record = { topic, partition: lsn % 3, key: null, value, headers: {} };
    await sink.write([record]);
  };
  const recalled = async () => {
    const columns = new TextColumns(new Map([[kept.table, kept]]));
    const config = { database, kafka: { partitions: 3 } } as Config;
    await recallText(columns, { config, kafka: asked, registry }, [kept.table]);
    return columns.widened();
  };
  const at = { ...stack.clickhouse, database };
  const open = async (contracts: readonly TableContract[]) => {
    const sink = await warehouse({ ...at, contracts });
    await sink[Symbol.asyncDispose]();
  };
  try {
    await send(kept, 1, 7);
    expect(await recalled()).toEqual([kept]);
    await open([kept]);
    await send(masked, 2, '***');
    expect(await recalled()).toEqual([masked]);
    await open([masked]);
    await expect(open([kept])).rejects.toThrow('column n rests as Nullable(String)');
    await open(await recalled());
  } finally {
    const { url, user: username, password } = at;
    const client = createClient({ url, username, password });
    await client.command({ query: `DROP DATABASE IF EXISTS ${database}` });
    await client.close();
  }
});
