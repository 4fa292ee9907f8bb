import { changesTopic, governedTopic } from '../../contracts/topics.ts';
import { positionText } from '../../schemas/position.ts';
import type { KafkaOptions } from '../topic/kafka.ts';
import { committedBy, endsOf } from '../topic/admin.ts';
import type { Checkpoints } from '../wal/checkpoint.ts';

/** What is complete: no record that comes later stands at or before `limit`, but for what comes late. */
export interface Look {
  readonly limit: string | null; // A position; null for all that is there.
  readonly watermark: number; // The log's own time at that position.
  readonly ends: ReadonlyMap<string, readonly bigint[]>; // Of governed topics, by partition.
  readonly isLast: boolean;
}

export interface Frontier {
  /** How far all streams are complete by now; null if that is no farther than before. */
  look(): Promise<Look | null>;
}

interface Settings {
  readonly kafka: KafkaOptions;
  readonly database: string;
  readonly tables: readonly string[];
}

/**
 * Looks down the way, at each stage after the one before it: what capture has recorded as durable is in
 * `cdc.*` by then, what govern has confirmed of that is in `gov.*` by then, or was withheld. So a
 * partition in which nothing comes holds nobody up, and no clock is asked.
 */
export function streamFrontier(
  { kafka, database, tables }: Settings,
  checkpoints: Checkpoints,
  stream: string,
): Frontier {
  const changes = tables.map((table) => changesTopic(database, table));
  const group = `${database}.govern`;
  let seen: string | null = null; // The last limit.
  let waited: (Pick<Look, 'limit' | 'watermark'> & Ends) | null = null;

  return {
    async look() {
      if (!waited) {
        const checkpoint = await checkpoints.read(stream);
        if (!checkpoint) return null;
        const { timeline, era, lsn, watermark } = checkpoint;
        const limit = positionText({ timeline: timeline + era, lsn, seq: most, part: most });
        if (limit === seen) return null;
        seen = limit;
        waited = { limit, watermark, ends: await endsOf(kafka, changes) };
      }
      const committed = (await committedBy(kafka, [group])).get(group);
      for (const [lane, end] of waited.ends)
        if (end > 0n && (committed?.get(lane) ?? 0n) < end) return null;
      const { limit, watermark } = waited;
      waited = null;
      return { limit, watermark, ends: await governedEnds(kafka, database, tables), isLast: false };
    },
  };
}

const most = 0xffff_ffff;

interface Ends {
  readonly ends: ReadonlyMap<string, bigint>;
}

/** All that is in governed topics now, and then no more: their ends are the end of the last segment. */
export function untilNow({ kafka, database, tables }: Settings): Frontier {
  return {
    async look() {
      const ends = await governedEnds(kafka, database, tables);
      return { limit: null, watermark: Number.MAX_SAFE_INTEGER, ends, isLast: true };
    },
  };
}

async function governedEnds(kafka: KafkaOptions, database: string, tables: readonly string[]) {
  const topics = tables.map((table) => governedTopic(database, table));
  const ends = new Map(topics.map((topic): [string, bigint[]] => [topic, []]));
  for (const [lane, end] of await endsOf(kafka, topics)) {
    const cut = lane.lastIndexOf('/');
    const lanes = ends.get(lane.slice(0, cut));
    if (lanes) lanes[Number(lane.slice(cut + 1))] = end;
  }
  return ends;
}
