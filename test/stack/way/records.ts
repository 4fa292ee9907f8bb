import { randomBytes } from 'node:crypto';
import kafkajs, { type Admin, type KafkaMessage } from 'kafkajs';
import lz4 from 'lz4-napi';
import { vi } from 'vitest';
import type { Stack } from '../../../ops/stack/stack.ts';

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs;

/** kafkajs knows no lz4 of its own. */
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: ({ buffer }: { readonly buffer: Buffer }) => lz4.compressFrame(buffer),
  decompress: (buffer: Buffer) => lz4.decompressFrame(buffer),
});

/** A record as a client that is not ours has read it. */
export interface ReadRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly timestamp: string; // As the broker keeps it.
  readonly headers: Readonly<Record<string, string>>;
}

/** kafkajs, the second and independent client. */
export const clientOf = ({ kafka }: Stack) =>
  new Kafka({ clientId: 'a-test', brokers: [...kafka.brokers], logLevel: logLevel.NOTHING });

export async function adminOf(stack: Stack): Promise<Admin & AsyncDisposable> {
  const admin = clientOf(stack).admin();
  await admin.connect();
  return Object.assign(admin, { [Symbol.asyncDispose]: () => admin.disconnect() });
}

/**
 * Every record of topics, from the beginning to where they end now. The groups of a broker that has just
 * started take a moment, and kafkajs does not wait for them.
 */
export const readAll = (stack: Stack, topics: readonly string[]): Promise<readonly ReadRecord[]> =>
  vi.waitFor(() => readOnce(stack, topics), { timeout: 60_000, interval: 200 });

async function readOnce(stack: Stack, topics: readonly string[]): Promise<readonly ReadRecord[]> {
  await using admin = await adminOf(stack);
  const open = new Map<string, bigint>();
  for (const topic of topics)
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic))
      if (low !== high) open.set(`${topic}/${partition}`, BigInt(high));
  if (open.size === 0) return [];

  const groupId = `test-${randomBytes(6).toString('hex')}`;
  const consumer = clientOf(stack).consumer({ groupId, maxWaitTimeInMs: 100 });
  const records: ReadRecord[] = [];
  const done = Promise.withResolvers<void>();
  consumer.on(consumer.events.CRASH, ({ payload }) => done.reject(payload.error));
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        const lane = `${batch.topic}/${batch.partition}`;
        const end = open.get(lane);
        if (end === undefined) return;
        for (const message of batch.messages)
          if (BigInt(message.offset) < end) records.push(recordOf(batch, message));
        if (BigInt(batch.lastOffset()) + 1n >= end) open.delete(lane);
        if (open.size === 0) done.resolve();
      },
    });
    await done.promise;
  } finally {
    await consumer.disconnect();
    await admin.deleteGroups([groupId]).catch(() => {});
  }
  return records;
}

function recordOf(
  { topic, partition }: { readonly topic: string; readonly partition: number },
  { offset, key, value, timestamp, headers = {} }: KafkaMessage,
): ReadRecord {
  const texts = Object.entries(headers).map(([name, text]) => [name, String(text)]);
  return { topic, partition, offset, key, value, timestamp, headers: Object.fromEntries(texts) };
}

/** How many records topics hold now. */
export async function countOf(stack: Stack, topics: readonly string[]): Promise<number> {
  await using admin = await adminOf(stack);
  let count = 0;
  for (const topic of topics)
    for (const { low, high } of await admin.fetchTopicOffsets(topic))
      count += Number(high) - Number(low);
  return count;
}
