import type { Config } from '../../contracts/config.ts';
import { governedTopic } from '../../contracts/topics.ts';
import { kafkaOptions } from '../../pipelines/topic/kafka.ts';
import { tails } from '../../pipelines/topic/tail.ts';
import { frontOf } from '../../schemas/governed-head.ts';

/** Counts what govern has released of these tables, and how much of it more than once. */
export async function releasedTwice(
  config: Config,
  tables: readonly string[],
): Promise<{ readonly released: number; readonly releasedTwice: number }> {
  const kafka = kafkaOptions(config, 'chaos');
  const everything = BigInt(Number.MAX_SAFE_INTEGER);
  const ids = new Set<string>();
  let released = 0;
  for (const table of tables)
    for (let partition = 0; partition < config.kafka.partitions; partition++) {
      const lane = { topic: governedTopic(config.database, table), partition };
      for (const record of await tails(kafka, [lane], everything)) {
        released++;
        const front = record.value && frontOf(record.value);
        if (front) ids.add(`${table} ${front.source} ${front.position}`);
      }
    }
  return { released, releasedTwice: released - ids.size };
}
