import { governedShape } from '../../contracts/shapes.ts';
import {
  changesTopic,
  deadLettersTopic,
  governedTopic,
  rowLimitBytes,
  tableOf,
  topicSettings,
} from '../../contracts/topics.ts';
import { govern, type Released } from '../../pipelines/govern.ts';
import { letterOfRecord } from '../../pipelines/letters.ts';
import { endsOf, ensureTopics } from '../../pipelines/topic/admin.ts';
import type { Lane } from '../../pipelines/topic/assignment.ts';
import { learning } from '../../pipelines/topic/learning.ts';
import { header, type Received } from '../../pipelines/topic/received.ts';
import { TopicSource } from '../../pipelines/topic/source.ts';
import { tails } from '../../pipelines/topic/tail.ts';
import { Dedupe, type Marks } from '../../processors/dedupe.ts';
import { tokeniser } from '../../processors/tokens.ts';
import { unsealing } from '../../processors/unseal.ts';
import { governedSchema } from '../../schemas/avro.ts';
import { encodeGoverned } from '../../schemas/wire.ts';
import { deadLetters } from '../../sinks/dead-letters.ts';
import { topicSink } from '../../sinks/topic.ts';
import { type Opened, openAll, pulling } from './opened.ts';
import type { Setting } from './setting.ts';
import { outgoing, tableTopics } from './table-topics.ts';

/** How far back a lane is read to find what was released of each log; a zombie's late writes are few. */
const tailRecords = 200n;

/** Connects govern: `cdc.*` at one end, `gov.*` at the other. */
export const openGovern = (setting: Setting): Promise<Opened> =>
  openAll(async (stack) => {
    const { config, contracts, registry, keyring, kafka, counters, untilCurrent } = setting;
    const topics = [...contracts.keys()].map((table) => changesTopic(config.database, table));
    await ensureTopics(
      kafka,
      [
        ...topics,
        ...[...contracts.keys()].map((table) => governedTopic(config.database, table)),
        deadLettersTopic('govern'),
      ].map((name) => topicSettings(name, config.kafka.partitions)),
      config.kafka.replication,
    );
    const letters = stack.use(
      await deadLetters<Received>(kafka, 'govern', setting, (refused) =>
        letterOfRecord('govern', refused),
      ),
    );
    const governed = stack.use(topicSink(kafka, 'gov', await encoder(setting), rowLimitBytes));
    const dedupe = new Dedupe();
    const changes = stack.use(
      new TopicSource({
        kafka,
        group: `${config.database}.govern`,
        topics,
        until: untilCurrent ? await endsOf(kafka, topics) : null,
        prepare: learning(registry),
        assigned: (lanes) => recall(setting, dedupe, lanes),
        lost: (lanes) => {
          for (const { topic, partition } of lanes) dedupe.forget(topic, partition);
        },
      }),
    );
    const tokens = tokeniser(keyring);
    const open = unsealing(keyring, () => counters.erased());

    return (signal) =>
      govern(
        { changes, governed, letters: counters.letters(letters) },
        { contracts, registry, dedupe, open, tokens },
        pulling(setting, signal),
      );
  });

/** What was released of a lane is known from the lane itself: the state that commits with its output. */
async function recall({ config, kafka }: Setting, dedupe: Dedupe, lanes: readonly Lane[]) {
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
    const marks = header(record, 'marks');
    if (topic && marks) dedupe.restore(topic, record.partition, JSON.parse(marks) as Marks);
  }
}

async function encoder(setting: Setting) {
  const stage = { topic: governedTopic, shape: governedShape, schema: governedSchema };
  const topicOf = await tableTopics(setting, stage);
  return ({ change, marks }: Released) => {
    const { topic, columns, schema } = topicOf(change.table);
    const out = outgoing(change, topic, encodeGoverned(schema, columns, change));
    return { ...out, headers: { ...out.headers, marks: JSON.stringify(marks) } };
  };
}
