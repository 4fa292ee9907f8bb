import { type ConnectionPool, type Queryable, sql } from '@databases/pg';

/** What is known of a letter in the open. */
export interface IndexedLetter {
  readonly id: string;
  readonly pipeline: string;
  readonly table: string | null;
  readonly reason: string;
  readonly origin: string;
  readonly keyHash: string | null; // Null where the source's key is not known in the open.
  readonly at: Date;
  readonly chunks: number;
  readonly bytes: number; // As sealed, all pieces.
  readonly topic: string;
  readonly partition: number;
  readonly offset: string; // Of its first piece.
}

/** How far a lane was read. */
export interface LaneRead {
  readonly topicId: string;
  readonly next: bigint;
}

/** What was read of a lane, and where the next reading begins. */
export interface LanePart {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly next: bigint;
  readonly letters: readonly IndexedLetter[];
}

/** Makes the tables of the index in Conductor's own database, where they are not there. */
export async function createLetterTables(db: ConnectionPool): Promise<void> {
  await db.tx((tx) =>
    tx.query([
      sql`SELECT pg_advisory_xact_lock(hashtext('conductor.conductor_letters'))`,
      sql`SET LOCAL client_min_messages = warning`,
      sql`CREATE TABLE IF NOT EXISTS conductor_letters (
        topic TEXT NOT NULL,
        id TEXT NOT NULL,
        pipeline TEXT NOT NULL,
        "table" TEXT,
        reason TEXT NOT NULL,
        origin TEXT NOT NULL,
        key_hash TEXT,
        at TIMESTAMPTZ NOT NULL,
        chunks INTEGER NOT NULL,
        bytes BIGINT NOT NULL,
        partition INTEGER NOT NULL,
        first_offset BIGINT NOT NULL,
        state TEXT NOT NULL DEFAULT 'open',
        PRIMARY KEY (topic, id)
      )`,
      withStates,
      sql`CREATE INDEX IF NOT EXISTS conductor_letters_at ON conductor_letters (at)`,
      sql`CREATE INDEX IF NOT EXISTS conductor_letters_key ON conductor_letters (key_hash)`,
      sql`CREATE INDEX IF NOT EXISTS conductor_letters_place
        ON conductor_letters (topic, partition, first_offset)`,
      sql`CREATE TABLE IF NOT EXISTS conductor_letter_lanes (
        topic TEXT NOT NULL,
        partition INTEGER NOT NULL,
        topic_id TEXT NOT NULL,
        next_offset BIGINT NOT NULL,
        PRIMARY KEY (topic, partition)
      )`,
    ]),
  );
}

/** Letters were open or gone at first, and nobody had decided anything about them: done once, for it locks the table. */
const withStates = sql`
  DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint
      WHERE conrelid = 'conductor_letters'::regclass AND conname = 'conductor_letters_states') THEN
      ALTER TABLE conductor_letters DROP CONSTRAINT IF EXISTS conductor_letters_state_check,
        ADD CONSTRAINT conductor_letters_states CHECK (state IN ('open', 'gone', 'replayed', 'waived')),
        ADD COLUMN job TEXT,
        ADD COLUMN waived_by TEXT,
        ADD COLUMN waived_why TEXT,
        ADD COLUMN waived_at TIMESTAMPTZ;
    END IF;
  END $$`;

/** How far the lanes of a topic were read, by partition. */
export async function lanesRead(
  db: Queryable,
  topic: string,
): Promise<ReadonlyMap<number, LaneRead>> {
  const rows = (await db.query(sql`
    SELECT partition, topic_id, next_offset::text AS next FROM conductor_letter_lanes
    WHERE topic = ${topic}`)) as readonly {
    readonly partition: number;
    readonly topic_id: string;
    readonly next: string;
  }[];
  return new Map(
    rows.map(({ partition, topic_id: topicId, next }) => [
      partition,
      { topicId, next: BigInt(next) },
    ]),
  );
}

/**
 * Keeps letters, and how far their lane was read, in one transaction. A letter that was sent twice is one: it lies where
 * it was written last, and is as old as it was first.
 */
export async function keepPart(db: ConnectionPool, part: LanePart): Promise<void> {
  const { topic, topicId, partition, next } = part;
  const letters = [...new Map(part.letters.map((letter) => [letter.id, letter])).values()];
  const each = <T>(of: (letter: IndexedLetter) => T): T[] => letters.map(of);
  await db.tx(async (tx) => {
    // First, so that of two who read one lane at once the other waits here.
    await tx.query(sql`
      INSERT INTO conductor_letter_lanes AS lane (topic, partition, topic_id, next_offset)
      VALUES (${topic}, ${partition}, ${topicId}, ${`${next}`})
      ON CONFLICT (topic, partition) DO UPDATE SET topic_id = excluded.topic_id,
        next_offset = CASE WHEN lane.topic_id = excluded.topic_id
          THEN greatest(lane.next_offset, excluded.next_offset) ELSE excluded.next_offset END`);
    if (letters.length === 0) return;
    await tx.query(sql`
      INSERT INTO conductor_letters AS known (topic, partition, id, pipeline, "table", reason, origin,
        key_hash, at, chunks, bytes, first_offset)
      SELECT ${topic}, ${partition}, * FROM unnest(
        ${each(({ id }) => id)}::text[], ${each(({ pipeline }) => pipeline)}::text[],
        ${each(({ table }) => table)}::text[], ${each(({ reason }) => reason)}::text[],
        ${each(({ origin }) => origin)}::text[], ${each(({ keyHash }) => keyHash)}::text[],
        ${each(({ at }) => at.toISOString())}::timestamptz[], ${each(({ chunks }) => chunks)}::int[],
        ${each(({ bytes }) => bytes)}::bigint[], ${each(({ offset }) => offset)}::bigint[])
      ON CONFLICT (topic, id) DO UPDATE SET partition = excluded.partition, first_offset = excluded.first_offset,
        chunks = excluded.chunks, bytes = excluded.bytes, at = least(known.at, excluded.at),
        state = CASE known.state WHEN 'gone' THEN 'open' ELSE known.state END
      WHERE known.state = 'gone' OR known.partition <> excluded.partition
        OR known.first_offset < excluded.first_offset`);
  });
}

/** Marks what no topic has any more: what lay before the starts of its lanes. */
export async function markGone(
  db: Queryable,
  topic: string,
  starts: readonly bigint[],
): Promise<void> {
  await db.query(sql`
    UPDATE conductor_letters AS letter SET state = 'gone'
    FROM unnest(${starts.map(String)}::bigint[]) WITH ORDINALITY AS lane (start, number)
    WHERE letter.topic = ${topic} AND letter.partition = lane.number - 1
      AND letter.first_offset < lane.start AND letter.state = 'open'`);
}

/** Marks what lay in topics that are not there: in any but these. If such a topic comes back it is read anew. */
export async function markVanished(db: ConnectionPool, there: readonly string[]): Promise<void> {
  await db.tx(async (tx) => {
    await tx.query(sql`
      DELETE FROM conductor_letter_lanes WHERE topic <> ALL (${[...there]}::text[])`);
    await tx.query(sql`
      UPDATE conductor_letters SET state = 'gone'
      WHERE topic <> ALL (${[...there]}::text[]) AND state = 'open'`);
  });
}

/** Marks all of a topic that was made anew under its old name, and forgets how far the old one was read. */
export async function markReplaced(db: ConnectionPool, topic: string, id: string): Promise<void> {
  await db.tx(async (tx) => {
    const old = await tx.query(sql`
      DELETE FROM conductor_letter_lanes WHERE topic = ${topic} AND topic_id <> ${id} RETURNING 1`);
    if (old.length === 0) return;
    await tx.query(sql`
      UPDATE conductor_letters SET state = 'gone' WHERE topic = ${topic} AND state = 'open'`);
  });
}
