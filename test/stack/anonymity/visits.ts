import { Consumer } from '@platformatic/kafka';
import type avro from 'avsc';
import { registryAt } from '../../../contracts/registry.ts';
import { openKeyring } from '../../../contracts/keys/open-keyring.ts';
import { anonymousTopic, changesTopic } from '../../../contracts/topics.ts';
import { arrivals } from '../../../pipelines/topic/received.ts';
import { pseudonymsOf, releaseText } from '../../../processors/anonymity/pseudonyms.ts';
import { decodeChange, schemaIdOf } from '../../../schemas/wire.ts';
import type { Read, Truth } from '../../pipelines/anonymity/auditor.ts';
import { isIn } from '../../pipelines/anonymity/people.ts';
import { readAll } from '../way/records.ts';
import { keep, type TestTable } from '../way/tables.ts';
import type { Way } from '../way/way.ts';

/** Who visits, from where and how old; the age is confidential. Each version of a row has a number that is not told. */
export const visits = (anon: object = {}): TestTable => ({
  name: 'visits',
  ddl: [
    `CREATE TABLE visits (
      id bigint PRIMARY KEY,
      tenant_id bigint NOT NULL,
      person bigint NOT NULL,
      country text NOT NULL,
      age integer NOT NULL,
      mood text,
      version bigint NOT NULL)`,
  ],
  tenant: 'tenant_id',
  subject: 'person',
  columns: [
    keep('id', 'bigint', { keyPosition: 1 }),
    keep('tenant_id', 'bigint'),
    keep('person', 'bigint'),
    keep('country', 'text', {
      hierarchy: { tree: { Europe: ['CH', 'DE', 'FR'], Asia: ['JP', 'IN'] } },
    }),
    {
      name: 'age',
      physicalType: 'integer',
      rule: 'drop',
      classification: 'confidential',
      hierarchy: { intervals: [10, 50], from: 0, to: 100 },
    },
    keep('mood', 'text'),
    keep('version', 'bigint'),
  ],
  relationships: [],
  anon: {
    k: 5,
    quasi_identifiers: ['country', 'age'],
    attributes: ['mood'],
    window: 1,
    delay: 2,
    ...anon,
  },
});

/** What a version of a row said: what the writer knows of it. */
export interface Version {
  readonly id: number;
  readonly person: number;
  readonly country: string;
  readonly age: number;
}

/** A dataset's name where its contract gives none. */
export const datasetOf = ({ name }: Way): string =>
  changesTopic(name, `${name}.visits`).slice('cdc.'.length);

/** The truth behind each release id, from what was captured and what the writer knows of its versions. */
export async function truthsOf(
  way: Way,
  dataset: string,
  versions: ReadonlyMap<number, Version>,
): Promise<ReadonlyMap<string, Truth>> {
  const { config, stack } = way;
  await using keyring = await openKeyring(config.keyring);
  const { release } = pseudonymsOf(keyring, dataset);
  const registry = registryAt(config.registry.url);
  const table = `${way.name}.visits`;
  const truths = new Map<string, Truth>();
  for (const { partition, value } of await readAll(stack, [changesTopic(way.name, table)])) {
    if (!value) continue; // A heartbeat.
    const id = schemaIdOf(value) ?? -1;
    await registry.learn([id]);
    const change = decodeChange(registry.type(id)!, value, { table, lane: partition });
    const version = versions.get(Number(change.after?.['version'] ?? 0));
    if (!version) continue; // A delete.
    truths.set(releaseText(release({ ...change, log: `${change.system}/${change.log}` })), {
      subject: `${version.person}`,
      row: `${version.id}`,
      sensitive: null,
      isIn: (region) => isIn(region, version),
    });
  }
  return truths;
}

/** What brokers have of a dataset, chunk by chunk: each as it was appended, whole. */
export async function chunksOf({ config, stack }: Way, dataset: string) {
  const topic = anonymousTopic(dataset);
  const consumer = new Consumer({
    clientId: 'auditor',
    groupId: 'auditor',
    bootstrapBrokers: [...stack.kafka.brokers],
    autocommit: false,
  });
  const registry = registryAt(config.registry.url);
  try {
    consumer.topics.track(topic);
    const { topics } = await consumer.metadata({ topics: [topic] });
    const { id, partitions } = topics.get(topic)!;
    const ends = (await consumer.listOffsets({ topics: [topic], timestamp: -1n })).get(topic)!;
    const chunks: Chunk[] = [];
    for (const [partition, end] of ends.entries())
      for (let next = 0n; next < end;) {
        const answer = await consumer.fetch({
          node: partitions[partition]!.leader,
          maxWaitTime: 100,
          topics: [{ topicId: id, partitions: [request(partition, next)] }],
        });
        for (const batch of answer.responses[0]?.partitions[0]?.records ?? []) {
          const from = arrivals({ topic, partition, next }, [batch]);
          next = from.next;
          for (const { value } of from.values) await registry.learn([schemaIdOf(value!) ?? -1]);
          const { firstTimestamp, maxTimestamp } = batch;
          const times = [firstTimestamp, maxTimestamp].map(Number);
          chunks.push({
            times,
            records: from.values.map(({ key, value, headers }) => {
              const type = registry.type(schemaIdOf(value!) ?? -1)!;
              return { key: String(key), headers, bytes: value!, ...readOf(type, value!) };
            }),
          });
        }
      }
    return chunks;
  } finally {
    await consumer.close(true);
  }
}

interface Chunk {
  readonly times: readonly number[]; // What Kafka says of them.
  readonly records: readonly {
    readonly key: string;
    readonly headers: readonly unknown[];
    readonly bytes: Buffer;
    readonly read: Read;
    readonly row: Record<string, unknown> | null;
  }[];
}

function readOf(type: avro.Type, value: Buffer) {
  const record = type.fromBuffer(value.subarray(5)) as {
    release: string;
    op: Read['op'];
    window: bigint;
    region: Record<string, string | null> | null;
    row: Record<string, unknown> | null;
  };
  const region = record.region && Object.values(record.region);
  return { read: { ...record, window: Number(record.window), region }, row: record.row };
}

const request = (partition: number, fetchOffset: bigint) => ({
  partition,
  currentLeaderEpoch: -1,
  fetchOffset,
  lastFetchedEpoch: -1,
  partitionMaxBytes: 1024 * 1024,
});
