import { readBundle, shippedBundle, type PolicyBundle } from '../../contracts/policy/bundle.ts';
import type { Config } from '../../contracts/config.ts';
import { Rollout } from '../../contracts/policy/rollout.ts';
import { policyTopics, rowLimitBytes } from '../../contracts/topics.ts';
import { ensureTopics } from '../../pipelines/topic/admin.ts';
import type { KafkaOptions } from '../../pipelines/topic/kafka.ts';
import type { Received } from '../../pipelines/topic/received.ts';
import { tails } from '../../pipelines/topic/tail.ts';
import { type Outgoing, topicSink } from '../../sinks/topic.ts';

/** The bundle that decides until a revision is activated. */
export const bundleAtFirst = ({ policy }: Pick<Config, 'policy'>): Promise<PolicyBundle> =>
  readBundle(policy.bundle ?? shippedBundle);

/** Makes sure of the topics by which revisions roll out. */
export const ensurePolicyTopics = (
  kafka: KafkaOptions,
  { policy, kafka: { replication } }: Pick<Config, 'policy' | 'kafka'>,
): Promise<void> => ensureTopics(kafka, policyTopics(policy.topic), replication);

/** Takes up records of the topic of policies. */
export function takeUp(rollout: Rollout, records: readonly Received[]): void {
  for (const { key, value } of records)
    if (key) rollout.take(key.toString(), value && value.toString());
}

/** What was rolled out so far. */
export async function readRollout(
  kafka: KafkaOptions,
  config: Pick<Config, 'policy' | 'kafka'>,
): Promise<Rollout> {
  await ensurePolicyTopics(kafka, config);
  const rollout = new Rollout();
  const lane = { topic: config.policy.topic, partition: 0 };
  takeUp(rollout, await tails(kafka, [lane], 1n << 62n));
  return rollout;
}

/** Writes texts under their keys, durably and in order. */
export async function writeKeyed(
  kafka: KafkaOptions,
  topic: string,
  texts: readonly (readonly [key: string, text: string])[],
): Promise<void> {
  await using sink = topicSink<Outgoing>(kafka, topic, (out) => out, rowLimitBytes);
  await sink.write(
    texts.map(([key, text]) => ({
      topic,
      partition: 0,
      key: Buffer.from(key),
      value: Buffer.from(text),
      headers: {},
    })),
  );
}
