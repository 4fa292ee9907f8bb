import { readFile } from 'node:fs/promises';
import { CannotRun } from '../../contracts/cannot-run.ts';
import type { Config } from '../../contracts/config.ts';
import {
  deadLettersTopic,
  governedTopic,
  topicSettings,
  usageTopicSettings,
} from '../../contracts/topics.ts';
import { type UnitCosts, unitCostsOf } from '../../contracts/unit-costs.ts';
import { forming } from '../../pipelines/forming.ts';
import { letterOfRecord } from '../../pipelines/letters.ts';
import { meter } from '../../pipelines/meter.ts';
import { metered } from '../../pipelines/meter/metered.ts';
import { meteredChange } from '../../pipelines/meter/metered-change.ts';
import { besideStrays, intoItsLane, lanesOfTenants } from '../../pipelines/meter/strays.ts';
import { endsOf, ensureTopics } from '../../pipelines/topic/admin.ts';
import { learning } from '../../pipelines/topic/learning.ts';
import type { Received } from '../../pipelines/topic/received.ts';
import { TopicSource } from '../../pipelines/topic/source.ts';
import type { LedgerRow } from '../../schemas/ledger-row.ts';
import { deadLetters } from '../../sinks/dead-letters.ts';
import { topicSink } from '../../sinks/topic.ts';
import { usageLedger } from '../../sinks/usage.ts';
import { withinQuota } from './letter-quota.ts';
import { type Opened, openAll, pulling } from './opened.ts';
import type { Setting } from './setting.ts';

const batching = { size: 30_000, lingerMs: 250 };
const eventBytes = 1024 * 1024;
const room = { values: 6, bytes: 2 }; // The next large insert is read while one is written.

/** Connects the meter: `usage` and `gov.*` at one end, the ledger in the warehouse at the other. */
export const openMeter = (setting: Setting): Promise<Opened> =>
  openAll(async (stack) => {
    const { config, contracts, registry, kafka, untilCurrent } = setting;
    const { metering, warehouse } = meteringOf(config);
    const units = await readUnitCosts(metering.unitCosts);
    const { partitions, replication } = config.kafka;
    const governed = [...contracts.keys()].map((table) => governedTopic(config.database, table));
    const topics = [metering.topic, ...governed];
    const others = [...governed, deadLettersTopic('meter')];
    await ensureTopics(
      kafka,
      [
        usageTopicSettings(metering.topic, partitions),
        ...others.map((name) => topicSettings(name, partitions)),
      ],
      replication,
    );
    const ledger = stack.use(await usageLedger(warehouse));
    await ledger.publishPrices(units);
    const laneOf = lanesOfTenants(partitions);
    const letters = stack.use(await lettersOf(setting));
    const again = stack.use(topicSink(kafka, metering.topic, intoItsLane(laneOf), eventBytes));
    const learn = learning(registry);
    const usage = stack.use(
      new TopicSource({
        kafka,
        group: `${config.database}.meter`,
        member: config.kafka.member,
        topics,
        until: untilCurrent ? await endsOf(kafka, topics) : null,
        prepare: async (batch) => {
          if (batch[0]?.topic !== metering.topic) await learn(batch); // A batch is of one topic.
        },
        assigned: () => ledger.recall(topics),
        lost: () => {},
      }),
    );
    const { database } = config;
    return (signal) =>
      meter(
        { usage, ledger, letters: besideStrays(setting.counters.letters(letters), again) },
        {
          metered: metered({
            topic: metering.topic,
            units,
            now: () => Date.now() * 1_000,
            laneOf,
            form: forming(registry),
            ofChange: meteredChange({ database, region: metering.region, contracts }),
          }),
          pulling: pulling(setting, signal, room),
          batching,
          sumUp: async () => (await ledger.sumUp()) === 'more is to be summed',
        },
      );
  });

/** Where goes what cannot be counted, under the meter's own key: it tells of no row. */
async function lettersOf(setting: Setting) {
  const desk = await deadLetters<Received | LedgerRow>(setting.kafka, 'meter', setting, {
    letterOf: ({ value, refusal }) => {
      if ('partition' in value) return letterOfRecord('meter', { value, refusal });
      throw refusal; // The ledger takes every event that could be read.
    },
    ownersOf: () => [],
  });
  return withinQuota(setting, 'meter', desk);
}

/** The settings of the meter; refuses where there are none. */
export function meteringOf({ metering, sinks }: Config) {
  if (metering && sinks.clickhouse) return { metering, warehouse: sinks.clickhouse };
  throw new CannotRun({
    what: metering ? 'there is no warehouse for the ledger of usage' : 'nothing is metered here',
    where: metering ? 'sinks.clickhouse' : 'metering',
    fix: metering
      ? 'set sinks.clickhouse, as conductor.example.yaml shows'
      : 'add metering: {} to the configuration, or as conductor.example.yaml shows',
  });
}

export async function readUnitCosts(path: string): Promise<UnitCosts> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CannotRun(
      {
        what: `there are no unit costs at ${path}`,
        where: 'metering.unitCosts',
        fix: 'write them there, as contracts/unit-costs.yaml of Conductor shows',
      },
      { cause },
    );
  });
  return unitCostsOf(text, path);
}
