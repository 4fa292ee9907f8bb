import { CannotRun } from '../../contracts/cannot-run.ts';
import {
  deadLettersTopic,
  governedTopic,
  governedTransactionsTopic,
  topicSettings,
} from '../../contracts/topics.ts';
import { deliverWhole } from '../../pipelines/deliver-whole.ts';
import { endsOf, ensureTopics } from '../../pipelines/topic/admin.ts';
import { learning } from '../../pipelines/topic/learning.ts';
import { wholeMirror } from '../../sinks/postgres-whole.ts';
import { lettersOf, mirrorOptions, textColumnsOf } from './open-deliver.ts';
import { ensureGoverned } from './open-transactions.ts';
import { type Opened, openAll } from './opened.ts';
import type { Setting } from './setting.ts';

const pipeline = 'deliver-postgres';

/** Connects deliver to a mirror that shows whole transactions of the source only. */
export const openDeliverWhole = (setting: Setting): Promise<Opened> =>
  openAll(async (stack) => {
    const { config, contracts, registry, kafka, counters, untilCurrent } = setting;
    const { database, source, state, sinks } = config;
    if (!sinks.postgres)
      throw new CannotRun({
        what: 'no mirror is configured to deliver to',
        where: 'sinks.postgres',
        fix: 'set sinks.postgres.url',
      });
    await ensureGoverned(setting);
    const letters = topicSettings(deadLettersTopic(pipeline), config.kafka.partitions);
    await ensureTopics(kafka, [letters], config.kafka.replication);
    const columns = textColumnsOf(setting);
    const mirror = await mirrorOptions(setting, sinks.postgres.url, columns.widened());
    const learn = learning(registry);
    const topics = new Map(
      [...contracts.keys()].map((table) => [governedTopic(database, table), table]),
    );
    const told = governedTransactionsTopic(database);
    const ends = {
      kafka,
      registry,
      slot: source.slot,
      topics,
      told,
      group: `${database}.${pipeline}`,
      stateUrl: state.url,
      rest: stack.use(await wholeMirror({ ...mirror, slot: source.slot })),
      letters: counters.letters(stack.use(await lettersOf(setting, pipeline))),
      until: untilCurrent ? await endsOf(kafka, [...topics.keys(), told]) : null,
      prepare: async (batch: Parameters<typeof learn>[0]) => {
        await learn(batch);
        columns.look(
          batch.filter(({ topic }) => topic !== told),
          registry,
        );
      },
    };
    return (signal) => deliverWhole(ends, signal);
  });
