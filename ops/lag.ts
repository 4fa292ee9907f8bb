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

/** How far every stage is behind what is there for it to read. */
export async function lagOf(config: Config, tables: readonly string[]): Promise<Lag> {
  const kafka = kafkaOptions(config, 'lag');
  const changes = tables.map((table) => changesTopic(config.database, table));
  const governed = tables.map((table) => governedTopic(config.database, table));
  const readers = [
    { pipeline: 'govern', topics: changes },
    ...sinkNames
      .filter((sink) => config.sinks[sink] !== undefined)
      .map((sink) => ({ pipeline: `deliver-${sink}`, topics: governed })),
  ];
  const group = (pipeline: string) => `${config.database}.${pipeline}`;
  const committed = await committedBy(
    kafka,
    readers.map(({ pipeline }) => group(pipeline)),
  );
  const ends = await endsOf(kafka, [...changes, ...governed]);
  const stages = readers.map(({ pipeline, topics }) => ({
    pipeline,
    changes: unread(ends, committed.get(group(pipeline)) ?? new Map(), topics),
  }));
  return { capture: await captureLag(config), stages };
}

function unread(
  ends: ReadonlyMap<string, bigint>,
  committed: ReadonlyMap<string, bigint>,
  topics: readonly string[],
): number {
  let count = 0n;
  for (const [lane, end] of ends) {
    if (!topics.includes(lane.slice(0, lane.lastIndexOf('/')))) continue;
    const read = committed.get(lane) ?? -1n;
    count += end - (read < 0n ? 0n : read);
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
