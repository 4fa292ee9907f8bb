import { setTimeout as wait } from 'node:timers/promises';
import { Admin, type BaseOptions, ConfigResourceTypes, Consumer } from '@platformatic/kafka';
import { CannotRun, NotNow } from '../../contracts/cannot-run.ts';
import type { TopicSettings } from '../../contracts/topics.ts';
import { brokersSaid } from './protocol-error.ts';

/** Creates those of `topics` that are not there; refuses if one is there with another number of lanes. */
export async function ensureTopics(
  kafka: BaseOptions,
  topics: readonly TopicSettings[],
  replicas: number,
): Promise<void> {
  const admin = new Admin(kafka);
  try {
    const there = new Set(await admin.listTopics());
    const missing = topics.filter(({ name }) => !there.has(name));
    for (const alike of Map.groupBy(missing, settingsText).values())
      for (let at = 0; at < alike.length; at += mostAtOnce)
        await create(admin, alike.slice(at, at + mostAtOnce), replicas);
    const { topics: found } = await metadataOf(
      admin,
      topics.map(({ name }) => name),
    );
    for (const { name, partitions } of topics) {
      const count = found.get(name)?.partitionsCount;
      if (count !== partitions)
        throw new CannotRun({
          what: `topic ${name} has ${count} partitions, not ${partitions}: keys would change their lane`,
          where: 'kafka.partitions',
          fix: `set kafka.partitions to ${count}, or let the pipelines drain and recreate the topics`,
        });
    }
  } catch (error) {
    throw error instanceof CannotRun ? error : kafkaTrouble(error, kafka);
  } finally {
    await admin.close();
  }
}

/** The names of all topics there are. */
export async function topicNames(kafka: BaseOptions): Promise<readonly string[]> {
  const admin = new Admin(kafka);
  try {
    return await admin.listTopics();
  } catch (error) {
    throw kafkaTrouble(error, kafka);
  } finally {
    await admin.close();
  }
}

/** What the brokers have. */
export interface Brokers {
  readonly count: number;
  readonly topics: ReadonlyMap<
    string,
    { readonly partitions: number; readonly configs: ReadonlyMap<string, string> }
  >;
}

/** Looks at those of `names` that are there, and creates nothing. */
export async function lookAtTopics(kafka: BaseOptions, names: readonly string[]): Promise<Brokers> {
  const admin = new Admin(kafka);
  try {
    const listed = new Set(await admin.listTopics());
    const there = names.filter((name) => listed.has(name));
    const { brokers, topics } = await admin.metadata({ topics: there, forceUpdate: true });
    const described =
      there.length === 0
        ? []
        : await admin.describeConfigs({
            resources: there.map((resourceName) => ({
              resourceType: ConfigResourceTypes.TOPIC,
              resourceName,
            })),
          });
    const configs = new Map(
      described.map(({ resourceName, configs: found }) => [
        resourceName,
        new Map(found.map(({ name, value }) => [name, value ?? ''])),
      ]),
    );
    return {
      count: brokers.size,
      topics: new Map(
        there.map((name) => [
          name,
          {
            partitions: topics.get(name)?.partitionsCount ?? 0,
            configs: configs.get(name) ?? new Map<string, string>(),
          },
        ]),
      ),
    };
  } catch (error) {
    throw kafkaTrouble(error, kafka);
  } finally {
    await admin.close();
  }
}

/** A topic that was just created may take a moment to be known to every broker. */
async function metadataOf(admin: Admin, topics: string[], tries = 20) {
  try {
    return await admin.metadata({ topics, forceUpdate: true });
  } catch (error) {
    if (tries === 0 || !isUnknownTopic(error)) throw error;
    await wait(100);
    return metadataOf(admin, topics, tries - 1);
  }
}

const isUnknownTopic = (error: unknown) =>
  brokersSaid(error, 'UNKNOWN_TOPIC_OR_PARTITION') || reasonIn(error).startsWith('Unknown topic ');

const mostAtOnce = 20; // Of a dozen lanes each, a broker makes them well within a request's time.

const settingsText = ({ partitions, configs }: TopicSettings): string =>
  JSON.stringify([partitions, configs]);

/** Creates topics that are to be alike. */
async function create(admin: Admin, topics: readonly TopicSettings[], replicas: number) {
  const [first, ...others] = topics;
  if (!first) return;
  const { partitions, configs } = first;
  try {
    await admin.createTopics({
      topics: topics.map(({ name }) => name),
      partitions,
      replicas,
      configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
    });
  } catch (error) {
    if (!brokersSaid(error, 'TOPIC_ALREADY_EXISTS')) throw error; // Another worker was first.
    if (others.length === 0) return;
    for (const topic of topics) await create(admin, [topic], replicas); // Of which, and with what else, is not told.
  }
}

/** Where topics end now, by `topic/partition`. */
export async function endsOf(
  kafka: BaseOptions,
  topics: readonly string[],
): Promise<ReadonlyMap<string, bigint>> {
  const consumer = new Consumer({ ...kafka, groupId: 'conductor-ends' });
  try {
    const ends = new Map<string, bigint>();
    for (const [topic, offsets] of await consumer.listOffsets({ topics: [...topics] }))
      for (const [partition, offset] of offsets.entries())
        ends.set(`${topic}/${partition}`, offset);
    return ends;
  } catch (error) {
    throw kafkaTrouble(error, kafka);
  } finally {
    await consumer.close();
  }
}

/** What groups have committed, by group and `topic/partition`. */
export async function committedBy(
  kafka: BaseOptions,
  groups: readonly string[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, bigint>>> {
  const admin = new Admin(kafka);
  try {
    const found = await admin.listConsumerGroupOffsets({ groups: [...groups] });
    return new Map(
      found.map(({ groupId, topics }) => [
        groupId,
        new Map(
          topics.flatMap(({ name, partitions }) =>
            partitions.map((p) => [`${name}/${p.partitionIndex}`, p.committedOffset] as const),
          ),
        ),
      ]),
    );
  } catch (error) {
    throw kafkaTrouble(error, kafka);
  } finally {
    await admin.close();
  }
}

/** Commits for a group that has no members: whoever keeps its own account of how far it is tells it all the same. */
export async function commitFor(
  kafka: BaseOptions,
  group: string,
  offsets: ReadonlyMap<string, ReadonlyMap<number, number>>, // By topic and partition.
): Promise<void> {
  if (offsets.size === 0) return;
  const admin = new Admin(kafka);
  try {
    await admin.alterConsumerGroupOffsets({
      groupId: group,
      topics: [...offsets].map(([name, lanes]) => ({
        name,
        partitionOffsets: [...lanes].map(([partition, next]) => ({
          partition,
          offset: BigInt(next),
        })),
      })),
    });
  } catch (error) {
    throw kafkaTrouble(error, kafka);
  } finally {
    await admin.close();
  }
}

/** How many members a consumer group has. */
export async function membersOf(kafka: BaseOptions, group: string): Promise<number> {
  const admin = new Admin(kafka);
  try {
    const described = await admin.describeGroups({ groups: [group] });
    return described.get(group)?.members.size ?? 0;
  } catch (error) {
    throw kafkaTrouble(error, kafka);
  } finally {
    await admin.close();
  }
}

/** Explains why the brokers could not be used. */
function kafkaTrouble(cause: unknown, { bootstrapBrokers }: BaseOptions): NotNow {
  return new NotNow(
    {
      what: `Kafka cannot be used: ${reasonIn(cause)}`,
      where: `kafka.brokers = ${bootstrapBrokers.map(String).join(', ')}`,
      fix: 'start the brokers, or correct kafka.brokers, kafka.tls and kafka.sasl; on the embedded stack: conductor up',
    },
    { cause },
  );
}

/** The client wraps what happened in what it was doing; the innermost says it best. */
function reasonIn(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonIn(error.errors[0]);
  if (error instanceof Error) return error.cause ? reasonIn(error.cause) : error.message;
  return String(error);
}
