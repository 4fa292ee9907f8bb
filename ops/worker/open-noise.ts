import { CannotRun } from '../../contracts/cannot-run.ts';
import { refuseTwins } from '../../contracts/dataset.ts';
import {
  changesTopic,
  deadLettersTopic,
  noisyTopic,
  rowLimitBytes,
  topicSettings,
} from '../../contracts/topics.ts';
import { ownersOfRecord } from '../../pipelines/letter-owners.ts';
import { letterOfRecord } from '../../pipelines/letters.ts';
import { noise, type NoiseTask } from '../../pipelines/noise.ts';
import { type NoiseReport, NoiseWindows } from '../../pipelines/noise/noise-windows.ts';
import { NoiseState, placeName, type Published } from '../../pipelines/noise/noise-state.ts';
import { endsOf, ensureTopics } from '../../pipelines/topic/admin.ts';
import type { Received } from '../../pipelines/topic/received.ts';
import { laneOfKey } from '../../processors/lane.ts';
import { type Plan, planOf } from '../../processors/noise/plan.ts';
import { unsealing } from '../../processors/unseal.ts';
import { type Noisy, noisySchema } from '../../schemas/noisy.ts';
import { keyText } from '../../schemas/value.ts';
import { frame, type Registered } from '../../schemas/wire.ts';
import { deadLetters } from '../../sinks/dead-letters.ts';
import { topicSink } from '../../sinks/topic.ts';
import { log } from '../log.ts';
import { heldToPolicy, tellsSums } from './narrowed.ts';
import { type Opened, openAll } from './opened.ts';
import type { Setting } from './setting.ts';
import { noiseForm } from './window-forms.ts';

const mostRows = 50_000; // That are held at a time: a window of more comes in parts.

/** Connects noise: `cdc.*` at one end, `dp.<dataset>` at the other. */
export const openNoise = (setting: Setting): Promise<Opened> =>
  openAll(async (stack) => {
    const { config, contracts, registry, keyring, kafka, counters, untilCurrent } = setting;
    const plans = [...contracts.values()].flatMap((each) => planOf(config.database, each) ?? []);
    if (plans.length === 0) throw nothingAsked(config.contracts);
    refuseTwins(
      'dp',
      plans.map(({ dataset, contract: { table } }) => ({ dataset, table })),
    );
    const policy = await heldToPolicy(stack, setting, tellsSums);
    const topics = plans.map(({ contract }) => changesTopic(config.database, contract.table));
    await ensureTopics(
      kafka,
      [
        ...topics,
        ...plans.map(({ dataset }) => noisyTopic(dataset)),
        deadLettersTopic('noise'),
      ].map((name) => topicSettings(name, config.kafka.partitions)),
      config.kafka.replication,
    );
    const letters = counters.letters(
      stack.use(
        await deadLetters<Received>(kafka, 'noise', setting, {
          letterOf: (refused) => letterOfRecord('noise', refused),
          ownersOf: (record) => ownersOfRecord(record, registry, contracts),
        }),
      ),
    );
    const open = unsealing(keyring, () => counters.erased());
    const tasks: NoiseTask[] = [];
    for (const plan of plans) {
      const topic = noisyTopic(plan.dataset);
      const key = keyring.tokenKey(`conductor.dp/${plan.dataset}`);
      const noisy = stack.use(
        topicSink<Published>(
          kafka,
          'dp',
          (published) => outgoing(topic, published, config.kafka.partitions),
          rowLimitBytes,
        ),
      );
      const schema = await registry.register(topic, noisySchema);
      const windows = new NoiseWindows({
        plan,
        key,
        state: new NoiseState(plan.dataset, keyring.tokenKey(`conductor.dp/${plan.dataset}/state`)),
        encode: (value) => encoded(schema, value),
        report: reporting(setting, plan),
        registry,
        open,
        noisy: policy.sink(noisy),
        letters,
      });
      tasks.push({
        name: `dp/${plan.dataset}`,
        topics: [changesTopic(config.database, plan.contract.table)],
        widthMicros: plan.dp.window * 1_000_000,
        mostPerLane: Math.ceil(mostRows / config.kafka.partitions),
        skipsUntimed: true, // Copied rows do not count.
        form: noiseForm(key),
        windows,
      });
    }
    const until = untilCurrent ? await endsOf(kafka, topics) : null;
    const ends = { kafka, registry, keyring, stateUrl: config.state.url, until };
    return (signal) => policy.run(noise(tasks, ends, signal));
  });

const nothingAsked = (folder: string) =>
  new CannotRun({
    what: 'no contract asks for noisy aggregates',
    where: folder,
    fix: 'add to a table with a subject, for example, { property: dp, value: { epsilon: 1, contribution: { windows: 4, rows: 2 }, queries: [{ name: orders, kind: count }] } }',
  });

/** A value as it is sent, under the key of its series. */
function encoded(schema: Registered, value: Noisy): Published {
  const { tenant, query, bucket, span, from, to } = value;
  return {
    key: Buffer.from(keyText({ tenant, query, bucket, span })),
    value: frame(schema, { ...value, from: BigInt(from), to: BigInt(to) }),
    endMs: to / 1_000,
  };
}

function outgoing(topic: string, { key, value, endMs }: Published, lanes: number) {
  return { topic, partition: laneOfKey(key, lanes), key, value, headers: {}, producedAtMs: endMs };
}

/** Tells in metrics what was published, and in the log, once a month, that nothing more is. */
function reporting({ counters }: Setting, { dataset, dp }: Plan): NoiseReport {
  const metrics = counters.noise();
  const told = new Set<string>();
  metrics.epsilon.set({ dataset }, dp.epsilon);
  for (const reason of ['budget', 'interrupted', 'second-release'])
    metrics.withheld.inc({ dataset, reason }, 0);
  return {
    published: (values) => metrics.published.inc({ dataset }, values),
    leftOut: (contributions) => metrics.leftOut.inc({ dataset }, contributions),
    spent: (share) => metrics.spent.set({ dataset }, share),
    withheld(place, month, reason) {
      metrics.withheld.inc({ dataset, reason });
      const name = `${placeName(place)} ${month} ${reason}`;
      if (told.has(name)) return;
      told.add(name);
      const { tenant, query } = place;
      if (reason === 'budget')
        log.error(
          {
            dataset,
            tenant,
            query,
            month,
            fix: 'none: it goes on with the next month; conductor privacy budget',
          },
          'the privacy budget of this month is spent on what was promised before: nothing of this query is published',
        );
      else if (reason === 'interrupted')
        log.error(
          { dataset, tenant, query, month, fix: 'none: it goes on with the next month' },
          'this query was published earlier in this month, and windows of it are missing since: what is published would tell exact sums, so nothing more of it is published in this month',
        );
      else
        log.error(
          { dataset, tenant, query, month },
          'a window that was published came again with other inputs: it is not published a second time',
        );
    },
  };
}
