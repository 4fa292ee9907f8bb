import { type ConnectionPool, type Queryable, sql } from '@databases/pg';
import { ownPool, partFrom } from '../wal/own-pool.ts';
import { postgresTrouble } from '../wal/postgres-trouble.ts';

/** What a topic came to, up to some place of it. */
export interface SavedFold {
  readonly begun: readonly bigint[]; // Per lane, the offset that it began at,
  readonly offsets: readonly bigint[]; // and that which comes next.
  readonly rest: string; // What else is to be known, as JSON.
  readonly pages: ReadonlyMap<number, Buffer>; // Those that are new, when it is saved.
}

interface Row {
  readonly version: string;
  readonly begun: readonly string[];
  readonly offsets: readonly string[];
  readonly rest: object;
}

const pagesAtOnce = 64;

/**
 * Keeps what governed topics come to per sink, in `conductor_delivered` of Conductor's own database, so that a topic
 * need not be read from its beginning, nor reach back to it. Two that keep the same do no harm: the later one's is lost.
 */
export class FoldState implements AsyncDisposable {
  readonly #pool: ConnectionPool;
  readonly #versions = new Map<string, string>();

  private constructor(pool: ConnectionPool) {
    this.#pool = pool;
  }

  static async at(url: string): Promise<FoldState> {
    const pool = ownPool(url, { name: 'conductor verify', size: 1 });
    try {
      await pool.tx(createTables);
    } catch (error) {
      await partFrom(pool);
      throw postgresTrouble(error, 'state.url', url);
    }
    return new FoldState(pool);
  }

  /** What was kept last; null if nothing was, or of another form. */
  async read(task: string, form: string): Promise<SavedFold | null> {
    return this.#pool.tx(async (tx) => {
      await tx.query(sql`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`);
      const [row] = (await tx.query(sql`
        SELECT version::text, begun, offsets, rest FROM conductor_delivered
        WHERE task = ${task} AND form = ${form}`)) as readonly Row[];
      if (!row) return null;
      const pages = new Map<number, Buffer>();
      for (let from = 0, found = pagesAtOnce; found === pagesAtOnce; from += pagesAtOnce) {
        const some = (await tx.query(sql`
          SELECT page, words FROM conductor_delivered_pages
          WHERE task = ${task} AND page >= ${from} AND page < ${from + pagesAtOnce}
          ORDER BY page`)) as readonly { readonly page: number; readonly words: Buffer }[];
        for (const { page, words } of some) pages.set(page, words);
        found = some.length;
      }
      this.#versions.set(task, row.version);
      const { begun, offsets } = row;
      return {
        begun: begun.map(BigInt),
        offsets: offsets.map(BigInt),
        rest: JSON.stringify(row.rest),
        pages,
      };
    });
  }

  /** Keeps it, unless another has kept his since it was read. Without `goesOn` nothing of before counts any more. */
  async save(
    task: string,
    form: string,
    { begun, offsets, rest, pages }: SavedFold,
    goesOn: boolean,
  ): Promise<void> {
    await this.#pool.tx(async (tx) => {
      const texts = [begun, offsets].map((each) => JSON.stringify(each.map(String)));
      const known = goesOn ? (this.#versions.get(task) ?? '0') : null;
      const [kept] = (await tx.query(sql`
        INSERT INTO conductor_delivered AS known (task, form, version, begun, offsets, rest)
        VALUES (${task}, ${form}, 1, ${texts[0]}::jsonb, ${texts[1]}::jsonb, ${rest}::jsonb)
        ON CONFLICT (task) DO UPDATE SET form = excluded.form, version = known.version + 1, begun = excluded.begun,
          offsets = excluded.offsets, rest = excluded.rest, kept_at = now()
        WHERE ${known}::bigint IS NULL OR known.version = ${known}::bigint
        RETURNING version::text`)) as readonly { readonly version: string }[];
      if (!kept) return;
      if (!goesOn) await tx.query(sql`DELETE FROM conductor_delivered_pages WHERE task = ${task}`);
      for (const [page, words] of pages)
        await tx.query(sql`
          INSERT INTO conductor_delivered_pages (task, page, words) VALUES (${task}, ${page}, ${words})
          ON CONFLICT (task, page) DO UPDATE SET words = excluded.words`);
      this.#versions.set(task, kept.version);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return partFrom(this.#pool);
  }
}

async function createTables(tx: Queryable): Promise<void> {
  await tx.query(sql`SELECT pg_advisory_xact_lock(hashtext('conductor.conductor_delivered'))`);
  await tx.query(sql`
    CREATE TABLE IF NOT EXISTS conductor_delivered (
      task TEXT PRIMARY KEY,
      form TEXT NOT NULL,
      version BIGINT NOT NULL,
      begun JSONB NOT NULL,
      offsets JSONB NOT NULL,
      rest JSONB NOT NULL,
      kept_at TIMESTAMPTZ NOT NULL DEFAULT now()
    )`);
  await tx.query(sql`
    CREATE TABLE IF NOT EXISTS conductor_delivered_pages (
      task TEXT NOT NULL,
      page INT NOT NULL,
      words BYTEA NOT NULL,
      PRIMARY KEY (task, page)
    )`);
}
