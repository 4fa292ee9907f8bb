import { sql } from '@databases/pg';
import { changesTopic, governedTopic, retryTopic, rowLimitBytes } from '../../contracts/topics.ts';
import { retryHeaders } from '../../pipelines/topic/retries.ts';
import { LetterBatches } from '../../replay/letter-batch.ts';
import { findLetters, type FoundLetter, type LetterFilter } from '../../replay/letter-search.ts';
import { digestOf, portions } from '../../replay/replay-plan.ts';
import { type Outgoing, topicSink } from '../../sinks/topic.ts';
import type { Letters } from './open-letters.ts';
import { jobName, told } from './replay-letters.ts';
import { signNotice } from './sign-notice.ts';

/** Who gives up which letters, and why. */
export interface Waiver {
  readonly who: string;
  readonly why: string;
  readonly filter: LetterFilter;
}

/** What a waiver came to. */
export interface Waived {
  readonly job: string;
  readonly letters: readonly FoundLetter[];
  readonly isSigned: boolean;
}

/**
 * Gives letters up: nobody waits for them any more, and a key that was held for one is free of it. It is signed before it
 * is done; whoever was killed in between does it again.
 */
export async function waiveLetters(
  letters: Letters,
  { who, why, filter }: Waiver,
): Promise<Waived | null> {
  const { db, kafka } = letters;
  const found = await findLetters(db, { ...filter, states: ['open'] }, mostAtOnce);
  if (found.length === 0) return null;
  const begun = new Date();
  const job = jobName(begun);
  const isSigned = await signNotice(letters, {
    action: 'waive',
    job,
    who,
    why,
    begunAt: begun.toISOString(),
    filter: { ...told(filter) },
    counts: { letters: found.length, sent: 0, dropped: 0 },
    letters: digestOf(found),
    transform: null,
  });
  await using sink = topicSink<Outgoing>(kafka, 'retries', (record) => record, rowLimitBytes);
  await using batches = new LetterBatches(kafka, letters.registry);
  for (const portion of portions(found)) {
    await sink.write(await waivers(letters, batches, portion, job));
    await db.query(sql`
      UPDATE conductor_letters AS letter
      SET state = 'waived', waived_by = ${who}, waived_why = ${why}, waived_at = ${begun}
      FROM unnest(${portion.map(({ topic }) => topic)}::text[], ${portion.map(({ id }) => id)}::text[])
        AS it (topic, id)
      WHERE letter.topic = it.topic AND letter.id = it.id AND state = 'open'`);
  }
  return { job, letters: found, isSigned };
}

const mostAtOnce = 200_000;

/** What tells a pipeline that holds the keys of letters that these are given up. */
async function waivers(
  { config: { database } }: Letters,
  batches: LetterBatches,
  portion: readonly FoundLetter[],
  job: string,
): Promise<readonly Outgoing[]> {
  const keyed = portion.filter(({ keyHash, table }) => keyHash !== null && table !== null);
  const out: Outgoing[] = [];
  for (const [, own] of Map.groupBy(keyed, ({ topic }) => topic)) {
    const lying = await batches.read(own);
    for (const { id, pipeline, table, partition } of own) {
      const key = lying.get(id)?.key;
      if (!key || table === null) continue;
      const topicOf = pipeline.startsWith('deliver-') ? governedTopic : changesTopic;
      const headers = {
        [retryHeaders.topic]: topicOf(database, table),
        [retryHeaders.letter]: id,
        [retryHeaders.job]: job,
      };
      out.push({ topic: retryTopic(pipeline), partition, key, value: Buffer.alloc(0), headers });
    }
  }
  return out;
}
