import { type Queryable, sql, type SQLQuery } from '@databases/pg';
import type { IndexedLetter } from './letter-tables.ts';

/** Whether a letter waits for somebody, or retention has taken it. */
export type LetterState = 'open' | 'gone';

/** A letter as the index has it. */
export type FoundLetter = IndexedLetter & { readonly state: LetterState };

/** Which letters are asked for; what is left out matters not. */
export interface LetterFilter {
  readonly pipeline?: string | undefined;
  readonly table?: string | undefined;
  readonly reason?: string | undefined;
  readonly keyHash?: string | undefined;
  readonly since?: Date | undefined;
  readonly until?: Date | undefined; // Without it.
  readonly state?: LetterState | undefined;
  readonly idBegins?: string | undefined;
}

/** Letters, the newest first. */
export async function findLetters(
  db: Queryable,
  filter: LetterFilter,
  limit: number,
): Promise<readonly FoundLetter[]> {
  return (await db.query(sql`
    SELECT id, pipeline, "table", reason, origin, key_hash AS "keyHash", at, chunks, bytes::float8 AS bytes,
      topic, partition, first_offset::text AS "offset", state
    FROM conductor_letters WHERE ${conditions(filter)}
    ORDER BY at DESC, topic, partition, first_offset DESC LIMIT ${limit}`)) as readonly FoundLetter[];
}

function conditions({ idBegins, ...filter }: LetterFilter): SQLQuery {
  const { pipeline, table, reason, keyHash, since, until, state } = filter;
  const wanted = [
    pipeline !== undefined && sql`pipeline = ${pipeline}`,
    table !== undefined && sql`"table" = ${table}`,
    reason !== undefined && sql`reason = ${reason}`,
    keyHash !== undefined && sql`key_hash = ${keyHash}`,
    since !== undefined && sql`at >= ${since}`,
    until !== undefined && sql`at < ${until}`,
    state !== undefined && sql`state = ${state}`,
    idBegins !== undefined && sql`starts_with(id, ${idBegins})`,
  ].filter((each) => each !== false);
  return sql.join([sql`TRUE`, ...wanted], sql` AND `);
}

/** The letters of one pipeline, table and reason, counted. */
export interface LetterCount {
  readonly pipeline: string;
  readonly table: string | null;
  readonly reason: string;
  readonly open: number;
  readonly gone: number;
  readonly bytes: number; // Of those that are open.
  readonly oldest: Date | null; // Of those that are open.
  readonly newest: Date | null;
}

/** Counts letters, pipeline by pipeline. */
export async function countLetters(db: Queryable): Promise<readonly LetterCount[]> {
  return (await db.query(sql`
    SELECT pipeline, "table", reason,
      count(*) FILTER (WHERE state = 'open')::int AS open, count(*) FILTER (WHERE state = 'gone')::int AS gone,
      coalesce(sum(bytes) FILTER (WHERE state = 'open'), 0)::float8 AS bytes,
      min(at) FILTER (WHERE state = 'open') AS oldest, max(at) FILTER (WHERE state = 'open') AS newest
    FROM conductor_letters GROUP BY pipeline, "table", reason
    ORDER BY pipeline, "table" NULLS FIRST, reason`)) as readonly LetterCount[];
}

/** What lies in a topic of dead letters. */
export interface TopicFill {
  readonly topic: string;
  readonly letters: number;
  readonly bytes: number;
  readonly fullest: number; // Bytes of the lane that has most: a limit of Kafka's is for each lane.
  readonly oldest: Date;
}

/** How full the topics are, by what is open in them. */
export async function topicFills(db: Queryable): Promise<readonly TopicFill[]> {
  return (await db.query(sql`
    SELECT topic, sum(letters)::int AS letters, sum(bytes)::float8 AS bytes, max(bytes)::float8 AS fullest,
      min(oldest) AS oldest
    FROM (SELECT topic, partition, count(*) AS letters, sum(bytes) AS bytes, min(at) AS oldest
          FROM conductor_letters WHERE state = 'open' GROUP BY topic, partition) AS lane
    GROUP BY topic ORDER BY topic`)) as readonly TopicFill[];
}
