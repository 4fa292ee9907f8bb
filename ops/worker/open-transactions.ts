import { EMPTY } from 'rxjs';
import { governedTopic, governedTransactionsTopic, topicSettings } from '../../contracts/topics.ts';
import { streamFrontier } from '../../pipelines/prove/frontier.ts';
import { ensureTopics } from '../../pipelines/topic/admin.ts';
import { transactions } from '../../pipelines/transactions.ts';
import { checkpointsAt } from '../../pipelines/wal/checkpoint.ts';
import {
  encodeTransaction,
  type GovernedTransaction,
  governedTransactionSchema,
} from '../../schemas/governed-transaction.ts';
import { topicSink } from '../../sinks/topic.ts';
import { type Opened, openAll } from './opened.ts';
import type { Setting } from './setting.ts';

const recordBytes = 4 * 1024 * 1024;

/** Connects what tells of transactions: `gov.*` at one end, `gov.<db>.transactions` at the other. */
export const openTransactions = (setting: Setting): Promise<Opened> =>
  openAll(async (stack) => {
    const { config, contracts, registry, kafka, untilCurrent } = setting;
    const { database, source, state } = config;
    const tables = [...contracts.keys()];
    await ensureGoverned(setting);
    const topic = governedTransactionsTopic(database);
    const schema = await registry.register(topic, governedTransactionSchema);
    const told = stack.use(
      topicSink<GovernedTransaction>(
        kafka,
        topic,
        (one) => ({
          topic,
          partition: 0,
          key: Buffer.from(`${one.transaction}`),
          value: encodeTransaction(schema, one),
          headers: {},
        }),
        recordBytes,
      ),
    );
    const checkpoints = stack.use(await checkpointsAt(state.url));
    const stream = `${database}/${source.slot}`;
    const ends = {
      kafka,
      database,
      slot: source.slot,
      topics: tables.map((table) => governedTopic(database, table)),
      stateUrl: state.url,
      frontier: streamFrontier({ kafka, database, tables }, checkpoints, stream),
      told,
      ends: untilCurrent ? ('with the first look' as const) : ('never' as const),
    };
    // Of what was never captured there is nothing to tell, and nothing to wait for.
    if (untilCurrent && !(await checkpoints.read(stream))) return () => EMPTY;
    return (signal) => transactions(ends, signal);
  });

/** The topics that both who tells of transactions and who reads of them need. */
export async function ensureGoverned({ config, contracts, kafka }: Setting): Promise<void> {
  const { partitions, replication } = config.kafka;
  const topics = [...contracts.keys()].map((table) =>
    topicSettings(governedTopic(config.database, table), partitions),
  );
  await ensureTopics(kafka, topics, replication);
  const told = topicSettings(governedTransactionsTopic(config.database), 1);
  await ensureTopics(kafka, [told], replication);
}
