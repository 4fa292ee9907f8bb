import { parseArgs } from 'node:util';
import { loadConfig } from '../../../contracts/config.ts';
import { usageTopicSettings } from '../../../contracts/topics.ts';
import { laneOfKey } from '../../../processors/lane.ts';
import { ensureTopics } from '../../../pipelines/topic/admin.ts';
import { kafkaOptions } from '../../../pipelines/topic/kafka.ts';
import { topicSink } from '../../../sinks/topic.ts';
import { usageEvent } from '../usage-events.ts';

/** Fills a topic with usage, as applications would have sent it. */
const { values: flags } = parseArgs({
  options: {
    config: { type: 'string', default: '' },
    topic: { type: 'string', default: '' },
    events: { type: 'string', default: '' },
  },
});
const config = await loadConfig(flags.config);
const kafka = kafkaOptions(config, 'bench-usage');
const { partitions, replication } = config.kafka;
await ensureTopics(kafka, [usageTopicSettings(flags.topic, partitions)], replication);
await using topic = topicSink<number>(
  kafka,
  flags.topic,
  (n) => {
    const { tenant, text } = usageEvent(n);
    const key = Buffer.from(tenant);
    const partition = laneOfKey(key, partitions);
    return { topic: flags.topic, partition, key, value: Buffer.from(text), headers: {} };
  },
  1024 * 1024,
);
const all = Number(flags.events);
const atOnce = 20_000;
for (let first = 0; first < all; first += atOnce)
  await topic.write(Array.from({ length: Math.min(atOnce, all - first) }, (_, n) => first + n));
