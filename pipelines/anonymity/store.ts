import { type Queryable, sql } from '@databases/pg';
import type { Put } from '../../processors/anonymity/teller.ts';
import type { Records } from '../../schemas/records.ts';

/** A row that waits, by its place in its topic: what it says is kept nowhere else. */
export type WaitingPlace = Put['place'] & { readonly since: number };

/** What a dataset was when its last window was saved. */
export interface Remembered {
  readonly journals: readonly Buffer[];
  readonly waiting: readonly WaitingPlace[];
  readonly outbox: readonly Records[]; // What may not have been sent.
}

export interface ToSave {
  readonly journal: Buffer;
  readonly summary: Iterable<Buffer> | null; // In place of all journals so far, this one included. A piece is valid until the next.
  readonly waiting: readonly WaitingPlace[];
  readonly outbox: readonly Records[];
}

/** Where a dataset's book and what is to be sent are kept, in Conductor's own database: all of it pseudonyms, or public. */
export class AnonymityStore {
  readonly #dataset: string;

  constructor(dataset: string) {
    this.#dataset = dataset;
  }

  async restore(session: Queryable): Promise<Remembered> {
    await createTables(session);
    const of = sql`WHERE dataset = ${this.#dataset} ORDER BY number`;
    const journals = (await session.query(
      sql`SELECT bytes FROM conductor_anon_book ${of}`,
    )) as readonly { readonly bytes: Buffer }[];
    const waiting = (await session.query(
      sql`SELECT topic, partition, "offset"::text AS offset, since::text AS since FROM conductor_anon_waiting ${of}`,
    )) as readonly { topic: string; partition: number; offset: string; since: string }[];
    const outbox = (await session.query(sql`
      SELECT topic, partition, count, produced_at::text AS at, bytes FROM conductor_anon_outbox ${of}`)) as readonly (Omit<
      Records,
      'producedAtMs'
    > & { readonly at: string })[];
    return {
      journals: journals.map(({ bytes }) => bytes),
      waiting: waiting.map(({ offset, since, ...lane }) => ({
        ...lane,
        offset: BigInt(offset),
        since: Number(since),
      })),
      outbox: outbox.map(({ at, ...records }) => ({ ...records, producedAtMs: Number(at) })),
    };
  }

  async save(tx: Queryable, { journal, summary, waiting, outbox }: ToSave): Promise<void> {
    const dataset = this.#dataset;
    if (summary) {
      await tx.query(sql`DELETE FROM conductor_anon_book WHERE dataset = ${dataset}`);
      for (const piece of summary) await this.#append(tx, piece);
    } else if (journal.length > 0) await this.#append(tx, journal);
    await tx.query(sql`DELETE FROM conductor_anon_waiting WHERE dataset = ${dataset}`);
    if (waiting.length > 0)
      await tx.query(sql`
        INSERT INTO conductor_anon_waiting (dataset, topic, partition, "offset", since)
        SELECT ${dataset}, * FROM unnest(
          ${waiting.map(({ topic }) => topic)}::text[], ${waiting.map(({ partition }) => partition)}::int[],
          ${waiting.map(({ offset }) => `${offset}`)}::bigint[], ${waiting.map(({ since }) => since)}::bigint[])`);
    for (const { topic, partition, count, producedAtMs = 0, bytes } of outbox)
      await tx.query(sql`
        INSERT INTO conductor_anon_outbox (dataset, topic, partition, count, produced_at, bytes)
        VALUES (${dataset}, ${topic}, ${partition}, ${count}, ${producedAtMs}, ${bytes})`);
  }

  /** What was to be sent is. */
  async sent(session: Queryable): Promise<void> {
    await session.query(sql`DELETE FROM conductor_anon_outbox WHERE dataset = ${this.#dataset}`);
  }

  async #append(tx: Queryable, bytes: Buffer): Promise<void> {
    await tx.query(
      sql`INSERT INTO conductor_anon_book (dataset, bytes) VALUES (${this.#dataset}, ${bytes})`,
    );
  }
}

/** Compressing what is pseudonyms throughout, or gone in a moment, is in vain. */
const createTables = (session: Queryable) =>
  session.tx(async (tx) => {
    await tx.query(sql`SELECT pg_advisory_xact_lock(hashtext('conductor.conductor_anon'))`);
    await tx.query(sql`
      CREATE TABLE IF NOT EXISTS conductor_anon_book (
        dataset TEXT NOT NULL,
        number BIGINT GENERATED ALWAYS AS IDENTITY,
        bytes BYTEA STORAGE EXTERNAL NOT NULL,
        PRIMARY KEY (dataset, number)
      )`);
    await tx.query(sql`
      CREATE TABLE IF NOT EXISTS conductor_anon_waiting (
        dataset TEXT NOT NULL,
        number BIGINT GENERATED ALWAYS AS IDENTITY,
        topic TEXT NOT NULL,
        partition INTEGER NOT NULL,
        "offset" BIGINT NOT NULL,
        since BIGINT NOT NULL,
        PRIMARY KEY (dataset, number)
      )`);
    await tx.query(sql`
      CREATE TABLE IF NOT EXISTS conductor_anon_outbox (
        dataset TEXT NOT NULL,
        number BIGINT GENERATED ALWAYS AS IDENTITY,
        topic TEXT NOT NULL,
        partition INTEGER NOT NULL,
        count INTEGER NOT NULL,
        produced_at BIGINT NOT NULL,
        bytes BYTEA STORAGE EXTERNAL NOT NULL,
        PRIMARY KEY (dataset, number)
      )`);
  });
