import { type Queryable, sql, type SQLQuery } from '@databases/pg';
import type { IndexedLetter } from './letter-tables.ts';

/** What may have become of a letter: it waits for somebody, retention has taken it, or somebody has decided about it. */
export const letterStates = ['open', 'gone', 'replayed', 'waived'] as const;

export type LetterState = (typeof letterStates)[number];

/** A letter as the index has it. */
export type FoundLetter = IndexedLetter & {
  readonly state: LetterState;
  readonly job: string | null; // By which it was replayed last.
  readonly waivedBy: string | null;
  readonly waivedWhy: string | null;
};

/** Which letters are asked for; what is left out matters not. */
export interface LetterFilter {
  readonly pipeline?: string | undefined;
  readonly table?: string | undefined;
  readonly reason?: string | undefined;
  readonly keyHash?: string | undefined;
  readonly since?: Date | undefined;
  readonly until?: Date | undefined; // Without it.
  readonly states?: readonly LetterState[] | undefined;
  readonly idBegins?: readonly string[] | undefined; // One of them.
}

/** Letters, the newest first. */
export async function findLetters(
  db: Queryable,
  filter: LetterFilter,
  limit: number,
): Promise<readonly FoundLetter[]> {
  return (await db.query(sql`
    SELECT ${letterColumns} FROM conductor_letters WHERE ${conditions(filter)}
    ORDER BY at DESC, topic, partition, first_offset DESC LIMIT ${limit}`)) as readonly FoundLetter[];
}

/** What of the table of letters makes a found letter. */
export const letterColumns: SQLQuery = sql`
  id, pipeline, "table", reason, origin, key_hash AS "keyHash", at, chunks, bytes::float8 AS bytes, topic, partition,
  first_offset::text AS "offset", state, conductor_letters.job, waived_by AS "waivedBy", waived_why AS "waivedWhy"`;

function conditions({ idBegins, ...filter }: LetterFilter): SQLQuery {
  const { pipeline, table, reason, keyHash, since, until, states } = filter;
  const wanted = [
    pipeline !== undefined && sql`pipeline = ${pipeline}`,
    table !== undefined && sql`"table" = ${table}`,
    reason !== undefined && sql`reason = ${reason}`,
    keyHash !== undefined && sql`key_hash = ${keyHash}`,
    since !== undefined && sql`at >= ${since}`,
    until !== undefined && sql`at < ${until}`,
    states !== undefined && sql`state = ANY (${[...states]}::text[])`,
    idBegins !== undefined &&
      sql`EXISTS (SELECT FROM unnest(${[...idBegins]}::text[]) AS it(begins) WHERE starts_with(id, it.begins))`,
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
  readonly replayed: number;
  readonly waived: number;
  readonly bytes: number; // Of those that are open.
  readonly oldest: Date | null; // Of those that are open.
  readonly newest: Date | null;
}

/** Counts letters, pipeline by pipeline. */
export async function countLetters(db: Queryable): Promise<readonly LetterCount[]> {
  return (await db.query(sql`
    SELECT pipeline, "table", reason,
      count(*) FILTER (WHERE state = 'open')::int AS open, count(*) FILTER (WHERE state = 'gone')::int AS gone,
      count(*) FILTER (WHERE state = 'replayed')::int AS replayed,
      count(*) FILTER (WHERE state = 'waived')::int AS waived,
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

/** How much of a quota is used. */
export interface OpenShare {
  readonly letters: number;
  readonly bytes: number;
}

/** The open letters of a pipeline, of these tables and of what tells no table, counted. */
export async function openShare(
  db: Queryable,
  pipeline: string,
  tables: readonly string[],
): Promise<OpenShare> {
  const [share] = (await db.query(sql`
    SELECT count(*)::int AS letters, coalesce(sum(bytes), 0)::float8 AS bytes FROM conductor_letters
    WHERE pipeline = ${pipeline} AND state = 'open'
      AND ("table" IS NULL OR "table" = ANY (${[...tables]}::text[]))`)) as readonly OpenShare[];
  return share ?? { letters: 0, bytes: 0 };
}

/** The keys of these tables of which a pipeline has open letters. */
export async function openKeys(
  db: Queryable,
  pipeline: string,
  tables: readonly string[],
): Promise<readonly { id: string; table: string; partition: number; keyHash: string }[]> {
  return (await db.query(sql`
    SELECT id, "table", partition, key_hash AS "keyHash" FROM conductor_letters
    WHERE pipeline = ${pipeline} AND state = 'open' AND key_hash IS NOT NULL
      AND "table" = ANY (${[...tables]}::text[])`)) as readonly {
    id: string;
    table: string;
    partition: number;
    keyHash: string;
  }[];
}
