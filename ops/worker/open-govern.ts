import {
  carriesChanges,
  changesTopic,
  deadLettersTopic,
  governedTopic,
  retryTopic,
  tableOf,
  topicSettings,
} from '../../contracts/topics.ts';
import { govern } from '../../pipelines/govern.ts';
import { holdingGatherer } from '../../pipelines/held-keys.ts';
import { ownersOfRecord } from '../../pipelines/letter-owners.ts';
import { letterOfRecord } from '../../pipelines/letters.ts';
import { endsOf, ensureTopics } from '../../pipelines/topic/admin.ts';
import type { Lane } from '../../pipelines/topic/assignment.ts';
import { learning } from '../../pipelines/topic/learning.ts';
import { header, type Received } from '../../pipelines/topic/received.ts';
import { ownOf, withRetries } from '../../pipelines/topic/retries.ts';
import { TopicSource } from '../../pipelines/topic/source.ts';
import { tails } from '../../pipelines/topic/tail.ts';
import { recycling } from '../../pipelines/recycling.ts';
import { Dedupe, type Marks } from '../../processors/dedupe.ts';
import { columnSealer } from '../../processors/seal-column.ts';
import { SlabPool } from '../../processors/transcode/slab-pool.ts';
import { tokeniser } from '../../processors/tokens.ts';
import { unsealing } from '../../processors/unseal.ts';
import { frontOf } from '../../schemas/governed-head.ts';
import { deadLetters } from '../../sinks/dead-letters.ts';
import { recordsSink } from '../../sinks/records.ts';
import { type Opened, openAll, pulling } from './opened.ts';
import { givenUp, holdingRecords, openHold } from './hold-keys.ts';
import { withinQuota } from './letter-quota.ts';
import { LivePolicies } from './live-policies.ts';
import type { Setting } from './setting.ts';

/** How far back a lane is read to find what was released of each log; a zombie's late writes are few. */
const tailRecords = 200n;

/** Connects govern: `cdc.*` at one end, `gov.*` at the other. */
export const openGovern = (setting: Setting): Promise<Opened> =>
  openAll(async (stack) => {
    const { config, contracts, registry, keyring, kafka, counters, untilCurrent } = setting;
    const topics = [...contracts.keys()].map((table) => changesTopic(config.database, table));
    const retry = retryTopic('govern');
    const read = [...topics, retry];
    await ensureTopics(
      kafka,
      [
        ...read,
        ...[...contracts.keys()].map((table) => governedTopic(config.database, table)),
        deadLettersTopic('govern'),
      ].map((name) => topicSettings(name, config.kafka.partitions)),
      config.kafka.replication,
    );
    const desk = await deadLetters<Received>(kafka, 'govern', setting, {
      letterOf: (refused) => letterOfRecord('govern', refused),
      ownersOf: (record) => ownersOfRecord(record, registry, contracts),
    });
    const letters = stack.use(withinQuota(setting, 'govern', desk));
    const pool = new SlabPool();
    const written = stack.use(recycling(pool, recordsSink(kafka, 'gov')));
    const governed: typeof written = {
      ...written,
      async write(batch) {
        await keyring.saved(); // What a policy has sealed may have new keys.
        await written.write(batch);
      },
    };
    const dedupe = new Dedupe();
    const hold = await openHold(setting, 'govern', retry);
    const learn = learning(registry, keyring);
    const own = ownOf({ retry, topics });
    const source = new TopicSource({
      kafka,
      group: `${config.database}.govern`,
      member: config.kafka.member,
      topics: read,
      until: untilCurrent ? await endsOf(kafka, read) : null,
      prepare: (batch) => learn(own(batch)),
      assigned: async (lanes) => {
        await recall(setting, dedupe, lanes);
        await hold?.takeUp(lanes);
      },
      lost: (lanes) => {
        for (const { topic, partition } of lanes) dedupe.forget(topic, partition);
      },
    });
    const changes = stack.use(withRetries(source, { retry, topics, waived: givenUp(hold) }));
    const { forms, watching } = stack.use(
      await LivePolicies.open(setting, {
        tokens: tokeniser(keyring),
        seals: columnSealer(keyring),
      }),
    );
    const open = unsealing(keyring, () => counters.erased());

    return (signal) =>
      govern(
        { changes, governed, letters: counters.letters(letters) },
        { forms, watching, registry, dedupe, open, pool },
        pulling(setting, signal),
        hold && ((gatherer) => holdingGatherer(gatherer, holdingRecords('govern', hold.held))),
      );
  });

/** What was released of a lane is known from the lane itself: the state that commits with its output. */
async function recall({ config, kafka }: Setting, dedupe: Dedupe, taken: readonly Lane[]) {
  const lanes = taken.filter(({ topic }) => carriesChanges(topic)); // Not what comes again: it is told of there, too.
  const sources = new Map(
    lanes.map(({ topic, partition }) => [
      `${governedTopic(config.database, tableOf(topic))}/${partition}`,
      topic,
    ]),
  );
  const released = lanes.map(({ topic, partition }) => ({
    topic: governedTopic(config.database, tableOf(topic)),
    partition,
  }));
  for (const record of await tails(kafka, released, tailRecords)) {
    const topic = sources.get(`${record.topic}/${record.partition}`);
    if (!topic || !record.value) continue;
    const front = frontOf(record.value);
    if (!front) continue; // Whoever wrote it, govern did not.
    const marks = JSON.parse(header(record, 'marks') ?? '{}') as Marks;
    dedupe.restore(topic, record.partition, { [front.source]: front.position });
    dedupe.restore(topic, record.partition, marks);
  }
}
