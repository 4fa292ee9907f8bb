import type { Config } from '../../contracts/config.ts';
import {
  changesTopic,
  deadLettersTopic,
  governedTopic,
  schemaTopic,
  type TopicSettings,
  topicSettings,
  transactionsTopic,
} from '../../contracts/topics.ts';
import { type Brokers, lookAtTopics } from '../../pipelines/topic/admin.ts';
import { kafkaOptions } from '../../pipelines/topic/kafka.ts';
import { sinkNames } from '../worker/sink-names.ts';
import { failed, type Finding, ok, warning, withoutContracts } from './finding.ts';

/** Looks at the brokers, and at the topics that are there already. */
export async function checkBrokers(
  config: Config,
  tables: readonly string[] | null,
): Promise<readonly Finding[]> {
  const { brokers, partitions, replication } = config.kafka;
  const wanted = topicsOf(config, tables ?? []).map((name) => topicSettings(name, partitions));
  const found = await lookAtTopics(
    kafkaOptions(config, 'check'),
    wanted.map(({ name }) => name),
  );
  const missing = wanted.length - found.topics.size;
  const made = tables ? `; of ${wanted.length} topics ${missing} will be made` : '';
  const told = `${found.count} at ${brokers.join(', ')}${made}`;
  const few = missing > 0 && found.count < replication;
  return [
    few
      ? failed('brokers', {
          what: `topics are to have ${replication} replicas, and there are ${found.count} brokers`,
          where: 'kafka.replication',
          fix: `set kafka.replication to ${found.count} or less, or start more brokers`,
        })
      : ok('brokers', told),
    ...(tables ? [] : [withoutContracts('topics')]),
    ...checkPartitions(found, partitions),
    ...wanted.flatMap((topic) => checkTopic(topic, found)),
  ];
}

const topicsOf = ({ database, sinks }: Config, tables: readonly string[]): readonly string[] => [
  ...tables.flatMap((table) => [changesTopic(database, table), governedTopic(database, table)]),
  transactionsTopic(database),
  schemaTopic(database),
  ...['capture', 'govern'].map(deadLettersTopic),
  ...sinkNames.filter((sink) => sinks[sink]).map((sink) => deadLettersTopic(`deliver-${sink}`)),
];

/** One finding for all topics of a count: one setting mends them. */
function checkPartitions({ topics }: Brokers, wanted: number): readonly Finding[] {
  const others = [...topics].filter(([, { partitions }]) => partitions !== wanted);
  return [...Map.groupBy(others, ([, { partitions }]) => partitions)].map(([count, those]) =>
    failed('topics', {
      what: `${those.map(([name]) => name).join(', ')}: ${count} partitions, not ${wanted}: keys would change their lane`,
      where: 'kafka.partitions',
      fix: `set kafka.partitions to ${count}, or let the pipelines drain and recreate the topics`,
    }),
  );
}

function checkTopic({ name, configs }: TopicSettings, { topics }: Brokers): readonly Finding[] {
  const found = topics.get(name);
  if (!found) return [];
  const check = `topic ${name}`;
  const findings: Finding[] = [];
  const set = (key: string) =>
    `set ${key}=${configs[key]} of the topic, with kafka-configs --alter`;
  const least = (key: string) => {
    const [is, wanted] = [Number(found.configs.get(key)), Number(configs[key])];
    return is < wanted && is >= 0 ? is : null;
  };
  const size = least('max.message.bytes');
  if (size !== null)
    findings.push(
      failed(check, {
        what: `it takes records of ${size} bytes, and they may have ${configs['max.message.bytes']}: a large row would stop the pipeline`,
        where: check,
        fix: set('max.message.bytes'),
      }),
    );
  const retention = least('retention.ms');
  if (retention !== null)
    findings.push(
      warning(check, {
        what: `it forgets after ${hoursOf(retention)} h, sooner than the ${hoursOf(Number(configs['retention.ms']))} h that consumers may count on`,
        where: check,
        fix: set('retention.ms'),
      }),
    );
  const policy = found.configs.get('cleanup.policy') ?? '';
  if (configs['cleanup.policy'] === undefined && policy.includes('compact'))
    findings.push(
      failed(check, {
        what: 'it is compacted: of changes to one key only the last would stay',
        where: check,
        fix: 'set cleanup.policy=delete of the topic, with kafka-configs --alter',
      }),
    );
  return findings;
}

const hoursOf = (ms: number) => Math.round(ms / 360_000) / 10;
