import { type Queryable, sql } from '@databases/pg';
import { parseLsn } from '../../schemas/lsn.ts';
import type { Checkpoint, Checkpoints } from '../wal/checkpoint.ts';
import type { Forms, KnownForm } from '../wal/forms.ts';
import type { Succession } from '../wal/opening.ts';
import { ownPool, partFrom } from '../wal/own-pool.ts';
import type { Membership } from '../wal/publication.ts';
import { mayReadItself } from './described.ts';
import { baseOf } from './first-copy.ts';
import type { Run, Runs } from './runs.ts';

interface Stream {
  readonly url: string; // Of the source.
  readonly name: string; // What its checkpoint is filed under.
  readonly from: Checkpoint;
  readonly copies: boolean; // Whether tables are copied without being asked for.
}

interface State {
  readonly runs: Runs;
  readonly forms: Forms;
  readonly checkpoints: Pick<Checkpoints, 'read'>;
}

/** What becomes of a table of which the stream did not tell all. */
export type Outcome =
  | 'replaced'
  /** The publication leaves out rows of it, which may be another capture's: a copy ends none of them. */
  | 'copied'
  /** The role may not read it: nothing ends before it may. */
  | 'unreadable'
  | 'left as it is';

/**
 * Tables of which the stream did not tell all: they were out of the publication for a while, or were dropped
 * and made anew. Nobody knows what was deleted meanwhile, so they are copied in place of all that was captured.
 */
export class Interrupted {
  readonly #stream: Stream;
  readonly #state: State;
  readonly #filtered = new Set<string>(); // Others may bring the rest of their rows.
  readonly #unreadable = new Map<string, string>(); // As what they were said to be.
  /** Has a copy that was asked for taken up: what the stream does to its table from then on is looked at. */
  takeUp: () => Promise<void> = () => Promise.resolve();

  constructor(stream: Stream, state: State) {
    this.#stream = stream;
    this.#state = state;
  }

  /** Remembers as what tables are published, where all of them are copied anyhow. */
  async remember(memberships: ReadonlyMap<string, Membership>): Promise<void> {
    this.#noteFilters(memberships);
    for (const [table, { id }] of memberships) await this.#state.forms.joined(table, id);
  }

  /** Asks for copies of the tables that were not published without a break since they were looked at last. */
  async look(memberships: ReadonlyMap<string, Membership>): Promise<ReadonlyMap<string, Outcome>> {
    const { forms } = this.#state;
    const before = await forms.memberships();
    const outcomes = new Map<string, Outcome>();
    this.#noteFilters(memberships);
    for (const [table, { id, oid }] of memberships) {
      const was = before.get(table);
      if (was === id) continue;
      const known = await forms.known(table);
      if (was !== undefined && ((known && known.oid !== null) || (await this.#isBegun(table)))) {
        if (known && isAnother(known, oid) && !(await this.#succeeds(table, known))) continue;
        const outcome = await this.#copy(table);
        if (outcome !== 'unreadable' || this.#unreadable.get(table) !== id)
          outcomes.set(table, outcome);
        if (outcome === 'unreadable') {
          this.#unreadable.set(table, id);
          continue;
        }
      }
      await forms.joined(table, id);
    }
    return outcomes;
  }

  /** Of tables that the stream comes to: they are replaced before anything of them passes. */
  readonly streamed: Succession = {
    mayFollow: ({ table }, known) => this.#mayFollow(table, known),
    follow: async ({ table }) => {
      if (await this.#mayReplace(table)) await this.#replace(table);
    },
  };

  /** Of tables that are copied: by the copy that replaces them, and by no other. */
  readonly copied: Succession = {
    mayFollow: ({ table }, known) => this.#mayFollow(table, known),
    follow: async ({ table }) => {
      if (!(await this.#mayReplace(table))) return;
      const open = await this.#state.runs.unfinished();
      if (open.some((run) => run.table === table && isReplacing(run))) return;
      await this.#replace(table);
      throw new Error(`table ${table} is not the one that was captured: it is copied in its place`);
    },
  };

  #noteFilters(memberships: ReadonlyMap<string, Membership>): void {
    this.#filtered.clear();
    for (const [table, { filtered }] of memberships) if (filtered) this.#filtered.add(table);
  }

  /** Whether nothing comes any more of what bore the name before, or somebody has accepted the one that bears it now. */
  async #succeeds(table: string, { oid, accepted }: KnownForm): Promise<boolean> {
    if (accepted || oid === null) return true;
    if (!this.#stream.copies || this.#filtered.has(table)) return false;
    return !(await this.#ask((db) => isThere(db, oid)));
  }

  async #mayFollow(table: string, known: KnownForm): Promise<boolean> {
    if (!(await this.#succeeds(table, known))) return false;
    return known.accepted || this.#mayReplace(table);
  }

  async #mayReplace(table: string): Promise<boolean> {
    if (!this.#stream.copies || this.#filtered.has(table)) return false;
    return this.#ask((db) => mayRead(db, table));
  }

  async #isBegun(table: string): Promise<boolean> {
    const all = await this.#state.runs.all();
    return all.some((run) => run.table === table && run.condition === null && run.base !== null);
  }

  async #copy(table: string): Promise<Outcome> {
    if (!this.#stream.copies) return 'left as it is';
    if (this.#filtered.has(table)) {
      await this.#state.runs.request(table, null);
      return 'copied';
    }
    if (!(await this.#mayReplace(table))) return 'unreadable';
    await this.#replace(table);
    return 'replaced';
  }

  /** What was captured ends where the WAL ends now: all that is known to have happened is in it. */
  async #replace(table: string): Promise<void> {
    const { runs, checkpoints } = this.#state;
    const { name, from } = this.#stream;
    const { watermark } = (await checkpoints.read(name)) ?? from;
    const lsn = await this.#ask(inserted);
    await runs.set(table, 'cancelled');
    await runs.replace(table, baseOf({ ...from, watermark, lsn }));
    await this.takeUp();
  }

  async #ask<T>(question: (db: Queryable) => Promise<T>): Promise<T> {
    const db = ownPool(this.#stream.url, { name: 'conductor copies', size: 1 });
    try {
      return await question(db);
    } finally {
      await partFrom(db);
    }
  }
}

/**
 * Remembers that tables are not published any more, before they are: whoever dies between the two knows it
 * afterwards. Of those that never were there is nothing to remember.
 */
export async function rememberMissing(forms: Forms, tables: readonly string[]): Promise<void> {
  const before = await forms.memberships();
  for (const table of tables) {
    const wasThere = before.has(table) || (await forms.known(table)) !== null;
    if (wasThere && before.get(table) !== '') await forms.joined(table, '');
  }
}

const isAnother = (known: KnownForm, oid: number): boolean =>
  known.oid !== null && known.oid !== oid;

const isReplacing = ({ replaces, status }: Run): boolean =>
  replaces !== null && (status === 'waiting' || status === 'running' || status === 'paused');

async function isThere(db: Queryable, oid: number): Promise<boolean> {
  const found = await db.query(sql`SELECT FROM pg_class WHERE oid = ${oid}`);
  return found.length > 0;
}

/** Whether a copy would come through: what it cannot read by itself it reads by way of the whole. */
async function mayRead(db: Queryable, table: string): Promise<boolean> {
  const itself = sql.__dangerous__rawValue(mayReadItself);
  const [found] = (await db.query(sql`
    SELECT bool_and(${itself}) FILTER (WHERE c.relkind = 'r') OR bool_or(c.oid = root.oid AND ${itself}) AS may
    FROM pg_class root JOIN pg_namespace own ON own.oid = root.relnamespace
    CROSS JOIN LATERAL (SELECT root.oid UNION SELECT relid FROM pg_partition_tree(root.oid) WHERE isleaf) AS place
    JOIN pg_class c ON c.oid = place.oid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE own.nspname || '.' || root.relname = ${table}`)) as readonly {
    readonly may: boolean | null;
  }[];
  return found?.may ?? false;
}

/** Where the WAL ends: what is visible may not be flushed yet. */
async function inserted(db: Queryable): Promise<bigint> {
  const [{ lsn }] = (await db.query(sql`
    SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                 ELSE pg_current_wal_insert_lsn() END)::text AS lsn`)) as [{ lsn: string }];
  return parseLsn(lsn);
}
