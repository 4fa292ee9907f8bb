import type { ConnectionPool } from '@databases/pg';
import type { Registry } from '../contracts/registry.ts';
import { carriesChanges, deadLettersTopic, tableOf } from '../contracts/topics.ts';
import { topicNames } from '../pipelines/topic/admin.ts';
import type { KafkaOptions } from '../pipelines/topic/kafka.ts';
import { LaneRecords } from '../pipelines/topic/lane-records.ts';
import type { Dated } from '../pipelines/topic/received.ts';
import type { HashKey } from './key-hash.ts';
import { LetterPieces, type Whole } from './letter-pieces.ts';
import { type LetterPiece, pieceReader } from './letter-records.ts';
import {
  type IndexedLetter,
  keepPart,
  lanesRead,
  markGone,
  markReplaced,
  markVanished,
} from './letter-tables.ts';

/** What the index is made from, and kept in: its tables are there. */
export interface IndexParts {
  readonly db: ConnectionPool; // Conductor's own database.
  readonly kafka: KafkaOptions;
  readonly registry: Registry;
  readonly hash: HashKey;
}

/** The topics of dead letters that there are. */
const letterTopics = async (kafka: KafkaOptions): Promise<readonly string[]> =>
  (await topicNames(kafka)).filter((topic) => topic.startsWith(prefix)).sort();

const prefix = deadLettersTopic('');

/**
 * Brings the index up to where the topics of dead letters end now, from where it was left. Tells how many records it
 * came upon that are no letters, or cannot be read as such.
 */
export async function bringUp(parts: IndexParts): Promise<{ readonly strays: number }> {
  const { db, kafka } = parts;
  const topics = await letterTopics(kafka);
  await markVanished(db, topics);
  let strays = 0;
  for (const topic of topics) strays += await bringUpTopic(parts, topic);
  return { strays };
}

/** The same for one topic, which is there. */
export async function bringUpTopic(parts: IndexParts, topic: string): Promise<number> {
  const { db, kafka } = parts;
  await using lanes = new LaneRecords(kafka, topic);
  const topicId = await lanes.topicId();
  const starts = await lanes.bounds('start');
  const ends = await lanes.bounds('end');
  await markReplaced(db, topic, topicId);
  const read = await lanesRead(db, topic);
  let strays = 0;
  for (const [partition, to] of ends.entries()) {
    const start = starts[partition] ?? 0n;
    const next = read.get(partition)?.next ?? start;
    const from = next < start ? start : next;
    if (from >= to) continue;
    const records = lanes.read(partition, from, to);
    strays += await bringUpLane(parts, { topic, topicId, partition }, records, to);
  }
  // Last, so that what retention took while it was read is marked, too.
  await markGone(db, topic, await lanes.bounds('start'));
  return strays;
}

interface Lane {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
}

async function bringUpLane(
  { db, registry, hash }: IndexParts,
  lane: Lane,
  batches: AsyncIterable<readonly Dated[]>,
  to: bigint,
): Promise<number> {
  const read = pieceReader(registry);
  const pieces = new LetterPieces<Omit<LetterPiece, 'sealed'>>();
  let strays = 0;
  let unknownFrom: bigint | null = null;
  // What is not read to its end, or cannot be read until the registry is whole again, is read anew the next time.
  const nextAfter = (end: bigint) =>
    [pieces.waitsFrom, unknownFrom].reduce<bigint>(
      (next, offset) => (offset !== null && offset < next ? offset : next),
      end,
    );
  for await (const batch of batches) {
    const letters: IndexedLetter[] = [];
    for (const [at, piece] of (await read(batch)).entries()) {
      if (typeof piece === 'string') {
        strays++;
        if (piece === 'unknown') unknownFrom ??= batch[at]?.offset ?? null;
        continue;
      }
      const { sealed, ...open } = piece;
      const whole = pieces.take(open, sealed.length);
      if (whole) letters.push(indexed(whole, hash));
    }
    const last = batch.at(-1);
    if (last) await keepPart(db, { ...lane, next: nextAfter(last.offset + 1n), letters });
  }
  await keepPart(db, { ...lane, next: nextAfter(to), letters: [] });
  return strays;
}

function indexed(
  { first, bytes }: Whole<Omit<LetterPiece, 'sealed'>>,
  hash: HashKey,
): IndexedLetter {
  const { id, table, reason, origin, key, at, chunks, topic, partition, offset } = first;
  return {
    id,
    pipeline: topic.slice(prefix.length),
    table: table ?? tableAt(origin),
    reason,
    origin,
    keyHash: key && hash(key),
    at: new Date(at),
    chunks,
    bytes,
    topic,
    partition,
    offset: `${offset}`,
  };
}

/** The table whose topic an origin names: of a record that was refused as it came nothing else says it. */
export function tableAt(origin: string): string | null {
  const [, topic = ''] = /^((?:cdc|gov)\.[^/]+)\/\d+@\d+$/.exec(origin) ?? [];
  return carriesChanges(topic) ? tableOf(topic) : null;
}
