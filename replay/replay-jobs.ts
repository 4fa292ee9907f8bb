import { type ConnectionPool, type Queryable, sql } from '@databases/pg';
import { type FoundLetter, letterColumns } from './letter-search.ts';

/** Who replays what, and by which transform. */
export interface JobOrder {
  readonly job: string;
  readonly who: string;
  readonly filter: Readonly<Record<string, unknown>>;
  readonly transform: string | null; // The digest of its file.
}

/** A job as it stands. */
export interface ReplayJob extends JobOrder {
  readonly begunAt: Date;
  readonly letters: number; // That it was to bring again,
  readonly done: number; // of which it is through with the first so many:
  readonly sent: number; // these came again,
  readonly dropped: number; // these a transform has dropped.
  readonly digest: string; // Of the letters' ids, in their order.
}

/** What of a job is done with a batch. */
export interface Progress {
  readonly done: number;
  readonly sent: readonly Item[];
  readonly dropped: readonly Item[];
}

/** A letter that a job brings again: they have numbers, in the order of their positions. */
export interface Item {
  readonly topic: string;
  readonly id: string;
}

/** Makes the tables of jobs, beside those of the index. */
export async function createJobTables(db: ConnectionPool): Promise<void> {
  await db.tx((tx) =>
    tx.query([
      sql`SELECT pg_advisory_xact_lock(hashtext('conductor.conductor_replays'))`,
      sql`SET LOCAL client_min_messages = warning`,
      sql`CREATE TABLE IF NOT EXISTS conductor_replays (
        job TEXT PRIMARY KEY,
        who TEXT NOT NULL,
        filter JSONB NOT NULL,
        transform TEXT,
        begun_at TIMESTAMPTZ NOT NULL DEFAULT now(),
        letters INTEGER NOT NULL,
        digest TEXT NOT NULL,
        done INTEGER NOT NULL DEFAULT 0,
        sent INTEGER NOT NULL DEFAULT 0,
        dropped INTEGER NOT NULL DEFAULT 0,
        ended_at TIMESTAMPTZ
      )`,
      sql`CREATE TABLE IF NOT EXISTS conductor_replay_items (
        job TEXT NOT NULL,
        number INTEGER NOT NULL,
        topic TEXT NOT NULL,
        id TEXT NOT NULL,
        PRIMARY KEY (job, number)
      )`,
    ]),
  );
}

/** Keeps what is to be brought again, all at once, before anything of it is. */
export async function beginJob(
  db: ConnectionPool,
  { job, who, filter, transform }: JobOrder,
  items: readonly Item[],
  digest: string,
): Promise<void> {
  await db.tx(async (tx) => {
    await tx.query(sql`
      INSERT INTO conductor_replays (job, who, filter, transform, letters, digest)
      VALUES (${job}, ${who}, ${JSON.stringify(filter)}::jsonb, ${transform}, ${items.length}, ${digest})`);
    await tx.query(sql`
      INSERT INTO conductor_replay_items (job, number, topic, id)
      SELECT ${job}, item.n - 1, item.topic, item.id
      FROM unnest(${items.map(({ topic }) => topic)}::text[], ${items.map(({ id }) => id)}::text[])
        WITH ORDINALITY AS item (topic, id, n)`);
  });
}

/** The job that was begun and has not ended; null if there is none. */
export async function unfinishedJob(db: Queryable): Promise<ReplayJob | null> {
  const [found] = (await db.query(sql`
    SELECT job, who, filter, transform, begun_at AS "begunAt", letters, done, sent, dropped, digest
    FROM conductor_replays WHERE ended_at IS NULL ORDER BY begun_at LIMIT 1`)) as readonly ReplayJob[];
  return found ?? null;
}

/** A letter whose turn it is. One that somebody else has decided about since, or that is gone, has no turn any more. */
export type Due = FoundLetter & { readonly number: number; readonly hasTurn: boolean };

/** The next letters of a job. */
export async function dueOf(
  db: Queryable,
  { job, done }: Pick<ReplayJob, 'job' | 'done'>,
  count: number,
): Promise<readonly Due[]> {
  return (await db.query(sql`
    SELECT item.number, ${letterColumns}, state IN ('open', 'waived') AS "hasTurn"
    FROM conductor_replay_items AS item JOIN conductor_letters USING (topic, id)
    WHERE item.job = ${job} AND item.number >= ${done}
    ORDER BY item.number LIMIT ${count}`)) as readonly Due[];
}

/** The pipelines of the letters that a job has not brought yet. */
export async function pipelinesDue(
  db: Queryable,
  { job, done }: Pick<ReplayJob, 'job' | 'done'>,
): Promise<ReadonlySet<string>> {
  const found = (await db.query(sql`
    SELECT DISTINCT pipeline
    FROM conductor_replay_items AS item JOIN conductor_letters USING (topic, id)
    WHERE item.job = ${job} AND item.number >= ${done} AND state IN ('open', 'waived')`)) as readonly {
    readonly pipeline: string;
  }[];
  return new Set(found.map(({ pipeline }) => pipeline));
}

/** Notes what is done, and what thereby became of letters. */
export async function noteProgress(
  db: ConnectionPool,
  job: string,
  { done, sent, dropped }: Progress,
): Promise<void> {
  const decided = [...sent, ...dropped];
  await db.tx(async (tx) => {
    await tx.query(sql`
      UPDATE conductor_letters AS letter SET state = 'replayed', job = ${job}
      FROM unnest(${decided.map(({ topic }) => topic)}::text[], ${decided.map(({ id }) => id)}::text[])
        AS it (topic, id)
      WHERE letter.topic = it.topic AND letter.id = it.id`);
    await tx.query(sql`
      UPDATE conductor_replays SET done = ${done}, sent = sent + ${sent.length},
        dropped = dropped + ${dropped.length}
      WHERE job = ${job}`);
  });
}

/** Ends a job: it is not taken up any more. */
export async function endJob(db: ConnectionPool, job: string): Promise<void> {
  await db.tx(async (tx) => {
    await tx.query(sql`UPDATE conductor_replays SET ended_at = now() WHERE job = ${job}`);
    await tx.query(sql`DELETE FROM conductor_replay_items WHERE job = ${job}`);
  });
}
