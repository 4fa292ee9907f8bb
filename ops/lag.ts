import databases from '@databases/pg';
import type { Config } from '../contracts/config.ts';
import { postgresLogin } from '../contracts/postgres-login.ts';
import type { TableContract } from '../contracts/contract.ts';
import { datasetOf } from '../contracts/dataset.ts';
import {
  changesTopic,
  governedTopic,
  governedTransactionsTopic,
  retryTopic,
} from '../contracts/topics.ts';
import { committedBy, endsOf, topicNames } from '../pipelines/topic/admin.ts';
import { type KafkaOptions, kafkaOptions } from '../pipelines/topic/kafka.ts';
import { LaneRecords } from '../pipelines/topic/lane-records.ts';
import { ownOf } from '../pipelines/topic/retries.ts';
import { checkpointsAt } from '../pipelines/wal/checkpoint.ts';
import { postgresTrouble } from '../pipelines/wal/postgres-trouble.ts';
import { walEnd } from '../pipelines/wal/server.ts';
import { findSlot } from '../pipelines/wal/slot.ts';
import { keptPlaces } from '../pipelines/windows/kept-places.ts';
import { lsnText } from '../schemas/lsn.ts';
import { sinkNames } from './worker/sink-names.ts';

export interface Lag {
  readonly capture: {
    readonly head: string; // Where the source's WAL ends.
    readonly durable: string; // All up to here is in Kafka, by the checkpoint.
    readonly acknowledged: string; // What the slot was told.
    readonly bytes: number;
    readonly seconds: number; // Since `durable` last moved, while there is WAL beyond it.
  };
  readonly stages: readonly StageLag[];
}

/** What a consumer has not confirmed: of anonymise and noise also what waits for its window to be closed, and heartbeats with it. */
export interface StageLag {
  readonly pipeline: string;
  readonly changes: number;
  readonly again: number; // Of them, dead letters that come again.
}

/**
 * How far every stage is behind what is there for it to read. Looks down the way, at each stage
 * after the one before it: what one has passed on by then is in what the next is held against,
 * so where all are behind by nothing, nothing was on its way between two of them.
 */
export async function lagOf(
  config: Config,
  contracts: ReadonlyMap<string, TableContract>,
): Promise<Lag> {
  const capture = await captureLag(config);
  const kafka = kafkaOptions(config, 'lag');
  const { database } = config;
  const there = new Set(await topicNames(kafka));
  const tables = [...contracts.keys()];
  const changes = tables.map((table) => changesTopic(database, table));
  const governed = tables.map((table) => governedTopic(database, table));
  const isWhole = config.sinks.postgres?.consistency === 'transactions';
  const told = governedTransactionsTopic(database);
  const reader = (pipeline: string): Reader =>
    pipeline === 'deliver-postgres' && isWhole
      ? { pipeline, topics: there.has(told) ? [...governed, told] : governed, retry: null }
      : { pipeline, topics: governed, retry: retryIn(there, pipeline) };
  const sinks = sinkNames.filter((sink) => config.sinks[sink] !== undefined);
  const { metering } = config;
  const usage = metering && there.has(metering.topic) ? [metering.topic] : [];
  const look = { config, kafka };
  return {
    capture,
    stages: [
      ...(await unread(look, [
        { pipeline: 'govern', topics: changes, retry: retryIn(there, 'govern') },
      ])),
      ...(await unclosed(look, windowTasks(database, [...contracts.values()]))),
      ...(isWhole
        ? await unclosed(look, [
            { pipeline: 'transactions', task: `transactions/${database}`, topics: governed },
          ])
        : []),
      ...(await unread(look, [
        ...(config.provenance ? [{ pipeline: 'prove', topics: governed, retry: null }] : []),
        ...(metering ? [{ pipeline: 'meter', topics: [...usage, ...governed], retry: null }] : []),
        ...sinks.map((sink) => reader(`deliver-${sink}`)),
      ])),
    ],
  };
}

interface Look {
  readonly config: Config;
  readonly kafka: KafkaOptions;
}

interface Reader {
  readonly pipeline: string;
  readonly topics: readonly string[];
  readonly retry: string | null; // Which other databases have in common with this one.
}

const retryIn = (there: ReadonlySet<string>, pipeline: string): string | null =>
  there.has(retryTopic(pipeline)) ? retryTopic(pipeline) : null;

/** What each of `readers` has not confirmed of what was in its topics before it was asked. */
async function unread(
  { config, kafka }: Look,
  readers: readonly Reader[],
): Promise<readonly StageLag[]> {
  if (readers.length === 0) return [];
  const group = (pipeline: string) => `${config.database}.${pipeline}`;
  const ends = await endsOf(kafka, [
    ...new Set(readers.flatMap(({ topics, retry }) => (retry ? [...topics, retry] : topics))),
  ]);
  const committed = await committedBy(
    kafka,
    readers.map(({ pipeline }) => group(pipeline)),
  );
  return Promise.all(
    readers.map(async ({ pipeline, topics, retry }) => {
      const said = committed.get(group(pipeline)) ?? new Map<string, bigint>();
      const again = retry ? await comingAgain(kafka, retry, { topics, ends, said }) : 0;
      return { pipeline, changes: beyond(topics, ends, said) + again, again };
    }),
  );
}

/** How many records of a topic of retries are a pipeline's own, of those that it has not confirmed. */
async function comingAgain(
  kafka: KafkaOptions,
  retry: string,
  {
    topics,
    ends,
    said,
  }: {
    readonly topics: readonly string[];
    readonly ends: ReadonlyMap<string, bigint>;
    readonly said: ReadonlyMap<string, bigint>;
  },
): Promise<number> {
  if (beyond([retry], ends, said) === 0) return 0;
  await using records = new LaneRecords(kafka, retry);
  const isOwn = ownOf({ retry, topics });
  let count = 0;
  for (const [partition, start] of (await records.bounds('start')).entries()) {
    const end = ends.get(`${retry}/${partition}`) ?? 0n;
    const read = said.get(`${retry}/${partition}`) ?? 0n;
    const from = read > start ? read : start;
    for await (const batch of records.read(partition, from, end)) count += isOwn(batch).length;
  }
  return count;
}

interface Task {
  readonly pipeline: string;
  readonly task: string; // In `conductor_windows`.
  readonly topics: readonly string[];
}

/** The tasks of anonymise and noise, as far as contracts ask for them. */
const windowTasks = (database: string, contracts: readonly TableContract[]): readonly Task[] =>
  contracts.flatMap(({ table, anon, dp }) => {
    const topics = [changesTopic(database, table)];
    const task = (kind: string, own: string | null) => `${kind}/${datasetOf(database, table, own)}`;
    return [
      ...(anon ? [{ pipeline: 'anonymise', task: task('anon', anon.dataset), topics }] : []),
      ...(dp ? [{ pipeline: 'noise', task: task('dp', dp.dataset), topics }] : []),
    ];
  });

/** The same of whoever keeps how far it is with what it decides. */
async function unclosed(
  { config, kafka }: Look,
  tasks: readonly Task[],
): Promise<readonly StageLag[]> {
  if (tasks.length === 0) return [];
  const ends = await endsOf(kafka, [...new Set(tasks.flatMap(({ topics }) => topics))]);
  const kept = await keptPlaces(
    config.state.url,
    tasks.map(({ task }) => task),
  );
  const pipelines = Map.groupBy(tasks, ({ pipeline }) => pipeline);
  return ['anonymise', 'noise', 'transactions'].flatMap((pipeline) => {
    const own = pipelines.get(pipeline);
    if (!own) return [];
    const each = own.map(({ task, topics }) => beyond(topics, ends, kept.get(task) ?? new Map()));
    return [{ pipeline, changes: each.reduce((sum, count) => sum + count, 0), again: 0 }];
  });
}

function beyond(
  topics: readonly string[],
  ends: ReadonlyMap<string, bigint>,
  committed: ReadonlyMap<string, bigint>,
): number {
  const asked = new Set(topics);
  let count = 0n;
  for (const [lane, end] of ends) {
    if (!asked.has(lane.slice(0, lane.lastIndexOf('/')))) continue;
    const said = committed.get(lane) ?? -1n; // Of a lane that a group has not read it says -1.
    const read = said < 0n ? 0n : said;
    if (end > read) count += end - read;
  }
  return Number(count);
}

async function captureLag({ database, source, state }: Config): Promise<Lag['capture']> {
  await using checkpoints = await checkpointsAt(state.url).catch((error: unknown) => {
    throw postgresTrouble(error, 'state.url', state.url);
  });
  const stream = `${database}/${source.slot}`;
  const checkpoint = await checkpoints.read(stream);
  const db = databases.default({
    ...postgresLogin(source.url),
    poolSize: 1,
    bigIntMode: 'string',
    onError: () => {},
  });
  try {
    const head = await walEnd(db);
    const acknowledged = (await findSlot(db, source.slot))?.confirmed ?? 0n;
    const captured = checkpoint?.lsn ?? 0n;
    const durable = captured > 0n ? captured : acknowledged; // Of a new slot nothing was captured yet.
    const bytes = head > durable ? Number(head - durable) : 0;
    const seconds = bytes > 0 ? await checkpoints.secondsSince(stream) : 0;
    return {
      head: lsnText(head),
      durable: lsnText(durable),
      acknowledged: lsnText(acknowledged),
      bytes,
      seconds,
    };
  } catch (error) {
    throw postgresTrouble(error, 'source.url', source.url);
  } finally {
    await db.dispose();
  }
}
