import { NotNow } from '../../contracts/cannot-run.ts';
import { governedTopic } from '../../contracts/topics.ts';
import { learning } from '../../pipelines/topic/learning.ts';
import { tails } from '../../pipelines/topic/tail.ts';
import type { Setting } from './setting.ts';
import type { TextColumns } from './text-columns.ts';

/**
 * Learns from what was governed last of each table what is text by now: else a worker that begins anew would open a sink
 * whose columns are text already as if they were not, and be refused before it had read anything.
 */
export async function recallText(
  columns: TextColumns,
  { config, kafka, registry }: Pick<Setting, 'config' | 'kafka' | 'registry'>,
  tables: readonly string[],
): Promise<void> {
  const lanes = tables.flatMap((table) =>
    Array.from({ length: config.kafka.partitions }, (_, partition) => ({
      topic: governedTopic(config.database, table),
      partition,
    })),
  );
  const last = await tails(kafka, lanes, 1n);
  await learning(registry)(last);
  for (const record of last)
    try {
      columns.look([record], registry);
    } catch (error) {
      if (!(error instanceof NotNow)) throw error; // It has learnt, and no sink is open yet.
    }
}
