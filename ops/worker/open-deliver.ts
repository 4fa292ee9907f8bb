import {
  deadLettersTopic,
  governedTopic,
  retryTopic,
  topicSettings,
} from '../../contracts/topics.ts';
import type { TableContract } from '../../contracts/contract.ts';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { deliver } from '../../pipelines/deliver.ts';
import type { Batching } from '../../pipelines/flow/into.ts';
import type { Room } from '../../pipelines/flow/ledger.ts';
import type { Sink } from '../../pipelines/flow/sink.ts';
import { holdingSink } from '../../pipelines/held-keys.ts';
import { ownersOfGoverned } from '../../pipelines/letter-owners.ts';
import { letterOfGoverned, letterOfRecord } from '../../pipelines/letters.ts';
import { endsOf, ensureTopics } from '../../pipelines/topic/admin.ts';
import { learning } from '../../pipelines/topic/learning.ts';
import type { Received } from '../../pipelines/topic/received.ts';
import { ownOf, withRetries } from '../../pipelines/topic/retries.ts';
import { TopicSource } from '../../pipelines/topic/source.ts';
import type { GovernedRecord } from '../../schemas/governed-record.ts';
import type { MirrorPlan } from '../../sinks/postgres-plan.ts';
import { log } from '../log.ts';
import { newestForms } from '../../pipelines/topic/newest-forms.ts';
import { deadLetters } from '../../sinks/dead-letters.ts';
import { givenUp, holdingGoverned, openHold } from './hold-keys.ts';
import { withinQuota } from './letter-quota.ts';
import { recallText } from './recall-text.ts';
import { TextColumns } from './text-columns.ts';
import { type Opened, openAll, pulling } from './opened.ts';
import type { Setting } from './setting.ts';
import type { SinkName } from './sink-names.ts';

/** What each database takes best: ClickHouse few large inserts, Neo4j transactions that stay small. */
export const batchings: Readonly<Record<SinkName, Batching<GovernedRecord>>> = {
  postgres: { size: 8_000, lingerMs: 10 },
  neo4j: { size: 2_000, lingerMs: 20 },
  clickhouse: { size: 30_000, lingerMs: 250 },
};

/**
 * How many times as much as other pipelines may be in flight: the next large insert is read while one is written. What
 * wide rows weigh is in memory several times then, as it came and as it is sent: there is more room for rows than for bytes.
 */
const roomTimes: Readonly<Record<SinkName, Room>> = {
  postgres: { values: 2, bytes: 1 },
  neo4j: { values: 1, bytes: 1 },
  clickhouse: { values: 6, bytes: 2 },
};
/** How many batches are written at once: a transaction of Neo4j keeps one core busy, so others may use the rest. */
const writers: Readonly<Record<SinkName, number>> = { postgres: 1, neo4j: 2, clickhouse: 1 };

/** Connects deliver to one sink: `gov.*` at one end, where it comes to rest at the other. */
export const openDeliver = (setting: Setting, sink: SinkName): Promise<Opened> =>
  openAll(async (stack) => {
    const { config, contracts, registry, kafka, counters, untilCurrent } = setting;
    const pipeline = `deliver-${sink}`;
    const topics = [...contracts.keys()].map((table) => governedTopic(config.database, table));
    const retry = retryTopic(pipeline);
    const read = [...topics, retry];
    await ensureTopics(
      kafka,
      [...read, deadLettersTopic(pipeline)].map((name) =>
        topicSettings(name, config.kafka.partitions),
      ),
      config.kafka.replication,
    );
    const columns = textColumnsOf(setting);
    if (sink === 'clickhouse') await recallText(columns, setting, [...contracts.keys()]); // Of its types, few hold text.
    const rest = stack.use(await openSink(setting, sink, columns.widened()));
    const letters = stack.use(await lettersOf(setting, pipeline));
    const hold = await openHold(setting, pipeline, retry);
    const holding = hold && holdingGoverned(pipeline, hold.held);
    const learn = learning(registry);
    const own = ownOf({ retry, topics });
    const source = new TopicSource({
      kafka,
      group: `${config.database}.${pipeline}`,
      member: config.kafka.member,
      topics: read,
      until: untilCurrent ? await endsOf(kafka, read) : null,
      prepare: async (batch) => {
        await learn(own(batch));
        if (batch[0]?.topic !== retry) columns.look(batch, registry); // A batch is of one topic.
      },
      assigned: async (lanes) => hold?.takeUp(lanes),
      lost: () => {},
    });
    const governed = stack.use(withRetries(source, { retry, topics, waived: givenUp(hold) }));
    return (signal) =>
      deliver(
        {
          governed,
          rest: holding ? holdingSink(rest, holding.holding) : rest,
          letters: counters.letters(letters),
        },
        registry,
        {
          pulling: pulling(setting, signal, roomTimes[sink]),
          batching: batchings[sink],
          writers: writers[sink],
          ...(holding ? { formed: holding.formed } : {}),
        },
      );
  });

/** What the mirror is opened with: what it does to its tables, and what it leaves, is told. */
export async function mirrorOptions(
  { config, registry, kafka }: Pick<Setting, 'config' | 'registry' | 'kafka'>,
  connectionString: string,
  contracts: readonly TableContract[],
) {
  const { partitions } = config.kafka;
  const source = await newestForms(kafka, registry, { database: config.database, partitions });
  const planned = ({ steps, left }: MirrorPlan) => {
    for (const { table, statement } of steps)
      log.info({ table, statement }, 'the mirror is altered');
    for (const { table, what, statement } of left)
      log.warn({ table, fix: statement }, `the mirror is left as it is: ${what}`);
  };
  return { connectionString, contracts, source, planned };
}

/** Where goes what a sink can never take, as long as there is room for it. */
export async function lettersOf(setting: Setting, pipeline: string) {
  const desk = await deadLetters<Received | GovernedRecord>(setting.kafka, pipeline, setting, {
    letterOf: ({ value, refusal }) =>
      'form' in value
        ? letterOfGoverned(pipeline, { value, refusal })
        : letterOfRecord(pipeline, { value, refusal }),
    ownersOf: (value) => ('form' in value ? ownersOfGoverned(value, setting.contracts) : []),
  });
  return withinQuota(setting, pipeline, desk);
}

/** What one opening has learnt of the columns, the next one knows. */
const known = new WeakMap<Setting, TextColumns>();

export function textColumnsOf(setting: Setting): TextColumns {
  const columns = known.get(setting) ?? new TextColumns(setting.contracts);
  known.set(setting, columns);
  return columns;
}

/** Loads the driver of this sink, and of no other. */
export async function openSink(
  setting: Pick<Setting, 'config' | 'registry' | 'kafka'> & Partial<Pick<Setting, 'counters'>>,
  sink: SinkName,
  contracts: readonly TableContract[],
): Promise<Sink<GovernedRecord>> {
  const { sinks } = setting.config;
  if (sink === 'postgres' && sinks.postgres) {
    const { mirror } = await import('../../sinks/postgres.ts');
    return mirror(await mirrorOptions(setting, sinks.postgres.url, contracts));
  }
  if (sink === 'neo4j' && sinks.neo4j) {
    const { graph } = await import('../../sinks/neo4j.ts');
    return graph({ ...sinks.neo4j, contracts, contended: () => setting.counters?.contended() });
  }
  if (sink === 'clickhouse' && sinks.clickhouse) {
    const { warehouse } = await import('../../sinks/clickhouse.ts');
    return warehouse({ ...sinks.clickhouse, contracts });
  }
  throw new CannotRun({
    what: `no ${sink} is configured to deliver to`,
    where: `sinks.${sink}`,
    fix: `set sinks.${sink}, or do not run deliver-${sink}`,
  });
}
