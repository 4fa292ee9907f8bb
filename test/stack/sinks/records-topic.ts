import { randomBytes } from 'node:crypto';
import type { BaseOptions } from '@platformatic/kafka';
import { type TopicSettings, topicSettings } from '../../../contracts/topics.ts';
import type { Stack } from '../../../ops/stack/stack.ts';
import { ensureTopics } from '../../../pipelines/topic/admin.ts';
import { numbered, recordsOf } from '../../sinks/records-of.ts';
import { servers } from '../servers.ts';
import { adminOf, readAll } from '../way/records.ts';

export const stack = await servers();
export const kafka = kafkaAt(stack.kafka.brokers);

/** How a sink connects in a test. */
export function kafkaAt(brokers: readonly string[]): BaseOptions {
  const bootstrapBrokers = [...brokers];
  return { clientId: 'a-test', bootstrapBrokers, timeout: 30_000, retries: 2, retryDelay: 100 };
}

/** A topic of a test’s own, dropped at its end. */
export async function freshTopic(partitions: number, configs: TopicSettings['configs'] = {}) {
  const name = `cdc.test_${randomBytes(6).toString('hex')}.public.t`;
  const settings = topicSettings(name, partitions);
  await ensureTopics(kafka, [{ ...settings, configs: { ...settings.configs, ...configs } }], 1);
  const drop = async () => {
    await using admin = await adminOf(stack);
    await admin.deleteTopics({ topics: [name] });
  };
  return { name, [Symbol.asyncDispose]: drop };
}

/** The number that each value begins with, by lane. */
export async function numbersIn(
  topic: string,
  at: Stack = stack,
): Promise<Readonly<Record<number, readonly number[]>>> {
  const lanes: Record<number, number[]> = {};
  for (const { partition, value } of await readAll(at, [topic]))
    (lanes[partition] ??= []).push(Number(String(value).split(' ')[0]));
  return lanes;
}

/** Numbers from one up to another, which is not among them. */
export const range = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => from + n);

/** Records of a lane whose values begin with their numbers. */
export const batchOf = (topic: string, lane: number, from: number, to: number, size = 0) =>
  recordsOf(
    topic,
    lane,
    range(from, to).map((number) => numbered(number, size)),
  );
