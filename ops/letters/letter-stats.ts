import { lookAtTopics } from '../../pipelines/topic/admin.ts';
import {
  countLetters,
  type LetterCount,
  type TopicFill,
  topicFills,
} from '../../replay/letter-search.ts';
import type { Letters } from './open-letters.ts';

/** What Kafka keeps of a topic, and how much of that is used. Null: without a limit. */
export interface Retention {
  readonly bytes: number | null; // Of each lane.
  readonly bytesShare: number | null; // In the lane that has most.
  readonly ms: number | null;
  readonly ageShare: number | null; // Of the oldest letter.
}

/** Of what kinds letters are, and how full their topics. */
export interface Stats {
  readonly counts: readonly LetterCount[];
  readonly topics: readonly (TopicFill & { readonly retention: Retention })[];
}

export async function letterStats({ db, kafka }: Letters, now: Date): Promise<Stats> {
  const counts = await countLetters(db);
  const fills = await topicFills(db);
  const { topics } = await lookAtTopics(
    kafka,
    fills.map(({ topic }) => topic),
  );
  return {
    counts,
    topics: fills.map((fill) => ({
      ...fill,
      retention: retentionOf(fill, topics.get(fill.topic)?.configs ?? new Map(), now),
    })),
  };
}

/** How much of what Kafka keeps of a topic its letters use. */
export function retentionOf(
  { fullest, oldest }: Pick<TopicFill, 'fullest' | 'oldest'>,
  configs: ReadonlyMap<string, string>,
  now: Date,
): Retention {
  const limit = (name: string): number | null => {
    const value = Number(configs.get(name) ?? -1);
    return value > 0 ? value : null;
  };
  const [bytes, ms] = [limit('retention.bytes'), limit('retention.ms')];
  return {
    bytes,
    bytesShare: bytes === null ? null : fullest / bytes,
    ms,
    ageShare: ms === null ? null : (now.getTime() - oldest.getTime()) / ms,
  };
}
