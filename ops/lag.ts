import databases from '@databases/pg';
import type { Config } from '../contracts/config.ts';
import { postgresLogin } from '../contracts/postgres-login.ts';
import { changesTopic, governedTopic } from '../contracts/topics.ts';
import { committedBy, endsOf } from '../pipelines/topic/admin.ts';
import { kafkaOptions } from '../pipelines/topic/kafka.ts';
import { checkpointsAt } from '../pipelines/wal/checkpoint.ts';
import { postgresTrouble } from '../pipelines/wal/postgres-trouble.ts';
import { walEnd } from '../pipelines/wal/server.ts';
import { findSlot } from '../pipelines/wal/slot.ts';
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
  /** Of each consumer: changes that it has not confirmed. */
  readonly stages: readonly { readonly pipeline: string; readonly changes: number }[];
}

/**
 * How far every stage is behind what is there for it to read. Looks down the way, at each stage
 * after the one before it: what one has passed on by then is in what the next is held against,
 * so where all are behind by nothing, nothing was on its way between two of them.
 */
export async function lagOf(config: Config, tables: readonly string[]): Promise<Lag> {
  const capture = await captureLag(config);
  const changes = tables.map((table) => changesTopic(config.database, table));
  const govern = await unread(config, ['govern'], changes);
  const sinks = sinkNames.filter((sink) => config.sinks[sink] !== undefined);
  const governed = tables.map((table) => governedTopic(config.database, table));
  const readers = [
    ...(config.provenance ? ['prove'] : []),
    ...sinks.map((sink) => `deliver-${sink}`),
  ];
  return { capture, stages: [...govern, ...(await unread(config, readers, governed))] };
}

/** What each of `pipelines` has not confirmed of what was in `topics` before it was asked. */
async function unread(
  config: Config,
  pipelines: readonly string[],
  topics: readonly string[],
): Promise<Lag['stages']> {
  if (pipelines.length === 0) return [];
  const kafka = kafkaOptions(config, 'lag');
  const group = (pipeline: string) => `${config.database}.${pipeline}`;
  const ends = await endsOf(kafka, topics);
  const committed = await committedBy(kafka, pipelines.map(group));
  return pipelines.map((pipeline) => ({
    pipeline,
    changes: Number(beyond(ends, committed.get(group(pipeline)) ?? new Map())),
  }));
}

function beyond(ends: ReadonlyMap<string, bigint>, committed: ReadonlyMap<string, bigint>): bigint {
  let count = 0n;
  for (const [lane, end] of ends) {
    const said = committed.get(lane) ?? -1n; // Of a lane that a group has not read it says -1.
    const read = said < 0n ? 0n : said;
    if (end > read) count += end - read;
  }
  return count;
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
