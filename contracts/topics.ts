import { avroName, columnName } from '../schemas/avro.ts';

/** Where the changes of a table go, stage by stage. A name that Kafka does not take is spelled in hex. */
export const changesTopic = (database: string, table: string): string =>
  topic('cdc', database, table);
export const governedTopic = (database: string, table: string): string =>
  topic('gov', database, table);
export const anonymousTopic = (dataset: string): string => `anon.${dataset}`;
export const noisyTopic = (dataset: string): string => `dp.${dataset}`;
export const deadLettersTopic = (pipeline: string): string => `dlq.${pipeline}`;

/** What a pipeline is given again: it reads this beside its inputs. */
export const retryTopic = (pipeline: string): string => `retry.${pipeline}`;

/** Where the diffs of a shadow policy are kept, beside the topic that revisions roll out by. */
export const policyDiffsTopic = (policies: string): string => `${policies}.diffs`;

/** What belongs to a database as a whole. */
export const transactionsTopic = (database: string): string =>
  `cdc.${avroName(database)}.transactions`;
/** What readers will see of each transaction of a database: one lane, in the order of commits. */
export const governedTransactionsTopic = (database: string): string =>
  `gov.${avroName(database)}.transactions`;
export const schemaTopic = (database: string): string => `cdc.${avroName(database)}.schema`;

/** Whether a topic carries the changes of a table, and not what is told beside them. */
export const carriesChanges = (name: string): boolean => name.split('.').length > 3;

/** The table whose changes a topic carries. */
export function tableOf(name: string): string {
  const [, , schema, table] = name.split('.');
  if (schema === undefined || table === undefined)
    throw new TypeError(`${name} is not the topic of a table`);
  return `${columnName(schema)}.${columnName(table)}`;
}

/** The longest name that Kafka takes, less what the topic of a second version adds to it. */
const longestName = 249 - '.v2'.length;

/** Why the changes of a table cannot have a topic; null if they can. */
export function topicFault(database: string, table: string): string | null {
  const { length } = changesTopic(database, table);
  if (length <= longestName) return null;
  return `${table}: the name of its topic would have ${length} letters, and Kafka takes ${longestName}; give \`database\`, in conductor.yaml, a shorter name, or the table or its schema one (a letter that Kafka does not take is spelled in four and more)`;
}

const topic = (stage: string, database: string, table: string) => {
  const dot = table.indexOf('.');
  return [stage, database, table.slice(0, dot), table.slice(dot + 1)].map(avroName).join('.');
};

export interface TopicSettings {
  readonly name: string;
  readonly partitions: number;
  readonly configs: Readonly<Record<string, string>>;
}

/** The log of all that is proved: one order, and kept for ever. */
export const provenanceTopicSettings = (name: string): TopicSettings => ({
  name,
  partitions: 1,
  configs: { 'retention.ms': '-1', 'retention.bytes': '-1', 'cleanup.policy': 'delete' },
});

/** Usage is kept for as long as late corrections may have to be found again. */
export const usageTopicSettings = (name: string, partitions: number): TopicSettings => ({
  name,
  partitions,
  configs: { 'retention.ms': `${35 * 24 * 3_600_000}` },
});

const hours = (count: number) => `${count * 3_600_000}`;
/** The largest record that a topic of changes takes. */
export const rowLimitBytes = 10 * 1024 * 1024;

/** What the topics of policies are created with: revisions for ever, diffs for 30 days; one lane, so that they have an order. */
export const policyTopics = (policies: string): readonly TopicSettings[] => [
  {
    name: policies,
    partitions: 1,
    configs: { 'cleanup.policy': 'compact', 'max.message.bytes': `${rowLimitBytes + 64 * 1024}` },
  },
  { name: policyDiffsTopic(policies), partitions: 1, configs: { 'retention.ms': hours(30 * 24) } },
];

/** What a topic is created with. Same partition count all along the way: a key keeps its lane. */
export function topicSettings(name: string, partitions: number): TopicSettings {
  if (name.startsWith('dlq.'))
    return {
      name,
      partitions,
      configs: { 'retention.ms': hours(14 * 24), 'max.message.bytes': `${32 * 1024 * 1024}` },
    };
  if (/^cdc\.[^.]+\.schema$/.test(name))
    return { name, partitions, configs: { 'cleanup.policy': 'compact' } };
  const retention = retentionOf(name);
  return {
    name,
    partitions,
    configs: { 'retention.ms': retention, 'max.message.bytes': `${rowLimitBytes + 64 * 1024}` },
  };
}

function retentionOf(name: string): string {
  if (name.startsWith('retry.')) return hours(14 * 24);
  return /^(?:gov|anon|dp)\./.test(name) ? hours(7 * 24) : hours(24);
}
