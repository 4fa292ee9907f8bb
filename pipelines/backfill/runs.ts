import { type ConnectionPool, type Queryable, sql } from '@databases/pg';
import { lsnText, parseLsn } from '../../schemas/lsn.ts';
import { ownPool, partFrom } from '../wal/own-pool.ts';
import type { Files, SlotStart } from '../wal/slot-start.ts';

export type RunStatus = 'waiting' | 'running' | 'paused' | 'done' | 'failed' | 'cancelled';

/** Blocks of a table, from one up to before another. */
export type Blocks = readonly [from: number, to: number];

/** What was copied of one table that has rows of its own: the table itself, or a partition of it. */
export interface CopiedPart {
  readonly part: string; // Schema and name, quoted.
  readonly filenode: number; // Another one, and the rows lie elsewhere now.
  readonly blocks: number; // How long it was when it was first looked at.
  readonly done: readonly Blocks[];
}

/** A copy of a table, asked for and not forgotten until it is done. */
export interface Run {
  readonly id: number;
  readonly table: string;
  readonly condition: string | null; // SQL.
  readonly status: RunStatus;
  readonly base: Base | null; // Null until it has begun.
  readonly parts: readonly CopiedPart[];
  readonly rows: number;
  readonly message: string | null;
  readonly compared: object | null; // What came of holding the source against the topic.
  /** Where all that was captured of the table before is to end, if that is still to be said. */
  readonly replaces: Place | null;
  readonly start: RunStart | null; // Of a first copy of a table without a key.
}

/** What of a table is copied, and what the stream brings. */
export interface RunStart extends Pick<SlotStart, 'snapshot'> {
  readonly files: Files;
}

/** Where a run stands among the changes of its slot: after all that was confirmed when it began, before all else. */
export interface Base {
  readonly timeline: number;
  readonly lsn: bigint;
  readonly watermark: number;
}

/** Where one read, or one word about a table, stands: after everything of a smaller number at the same base. */
export interface Place extends Base {
  readonly read: number;
}

/** The copies that were asked for, in `cdc_backfills` of Conductor's own database. */
export interface Runs extends AsyncDisposable {
  request(table: string, condition: string | null): Promise<number>;
  /** Asks for what is not done of these parts. */
  requestPart(table: string, condition: string, parts: readonly CopiedPart[]): Promise<number>;
  /** Asks for a copy of a table in place of all that was captured of it before `base`. */
  replace(table: string, base: Base): Promise<number>;
  /** Notes with the copies of a whole table that are asked for what the slot's stream brings, and where it begins. */
  startsAt(table: string, base: Base, start: RunStart): Promise<void>;
  all(): Promise<readonly Run[]>;
  one(id: number): Promise<Run | null>;
  /** Those that are not done, and those that have ended lately. */
  unfinished(): Promise<readonly Run[]>;
  /** Notes that a run is under way; false if it has ended meanwhile. */
  begin(id: number, base: Base): Promise<boolean>;
  /** Notes that it is said where what a run replaces ends. */
  replaced(id: number): Promise<void>;
  progress(id: number, parts: readonly CopiedPart[], rows: number): Promise<void>;
  become(id: number, status: RunStatus, message?: string): Promise<void>;
  /** Pauses, resumes or cancels the runs of a table; returns which. One that had failed begins anew: meanwhile nobody looked after its rows. */
  set(table: string, status: 'paused' | 'waiting' | 'cancelled'): Promise<readonly number[]>;
  /** Notes what came of holding the table against its topic. */
  compared(id: number, result: object): Promise<void>;
  /** Takes a number for one read of a range: each is greater than all before it, across restarts. */
  nextRead(): Promise<number>;
}

export async function runsAt(url: string, stream: string): Promise<Runs> {
  const db = ownPool(url, { name: 'conductor backfills', size: 2 });
  await db.tx(prepare);
  return {
    ...lookingUp(db, stream),
    ...asking(db, stream),
    ...noting(db),
    [Symbol.asyncDispose]: () => partFrom(db),
  };
}

/** What there is. */
const lookingUp = (
  db: ConnectionPool,
  stream: string,
): Pick<Runs, 'all' | 'one' | 'unfinished'> => ({
  async all() {
    const rows = (await db.query(sql`
      SELECT * FROM cdc_backfills WHERE stream = ${stream} ORDER BY id`)) as readonly Stored[];
    return rows.map(runOf);
  },
  async one(id) {
    const [row] = (await db.query(sql`
      SELECT * FROM cdc_backfills WHERE stream = ${stream} AND id = ${id}`)) as readonly Stored[];
    return row ? runOf(row) : null;
  },
  async unfinished() {
    const rows = (await db.query(sql`
      SELECT * FROM cdc_backfills WHERE stream = ${stream} AND
        (status <> 'done' AND status <> 'cancelled' AND status <> 'failed' OR updated_at > now() - interval '1 hour')
      ORDER BY id`)) as readonly Stored[];
    return rows.map(runOf);
  },
});

/** What people, and a new slot, want. */
const asking = (
  db: ConnectionPool,
  stream: string,
): Pick<Runs, 'request' | 'requestPart' | 'replace' | 'startsAt' | 'begin' | 'set'> => ({
  async request(table, condition) {
    const [row] = (await db.query(sql`
      INSERT INTO cdc_backfills (stream, table_name, condition) VALUES (${stream}, ${table}, ${condition})
      RETURNING id`)) as [{ id: string }];
    return Number(row.id);
  },
  async requestPart(table, condition, parts) {
    const [row] = (await db.query(sql`
      INSERT INTO cdc_backfills (stream, table_name, condition, parts)
      VALUES (${stream}, ${table}, ${condition}, ${JSON.stringify(parts)}::jsonb) RETURNING id`)) as [
      { id: string },
    ];
    return Number(row.id);
  },
  async replace(table, { timeline, lsn, watermark }) {
    const [row] = (await db.query(sql`
      INSERT INTO cdc_backfills (stream, table_name, timeline, lsn, watermark, replaces)
      VALUES (${stream}, ${table}, ${timeline}, ${lsnText(lsn)}, ${watermark}, nextval('cdc_backfill_reads'))
      RETURNING id`)) as [{ id: string }];
    return Number(row.id);
  },
  async startsAt(table, { timeline, lsn, watermark }, start) {
    await db.query(sql`
      UPDATE cdc_backfills SET start = ${JSON.stringify(start)}::jsonb,
        timeline = ${timeline}, lsn = ${lsnText(lsn)}, watermark = ${watermark}
      WHERE stream = ${stream} AND table_name = ${table} AND condition IS NULL
        AND status IN ('waiting', 'running', 'paused')`);
  },
  async begin(id, { timeline, lsn, watermark }) {
    const begun = await db.query(sql`
      UPDATE cdc_backfills SET status = 'running', timeline = ${timeline}, lsn = ${lsnText(lsn)},
        watermark = ${watermark}, updated_at = now()
      WHERE id = ${id} AND status IN ('waiting', 'running') RETURNING 1`);
    return begun.length > 0;
  },
  async set(table, status) {
    const rows = (await db.query(sql`
      UPDATE cdc_backfills SET status = ${status}, message = NULL, updated_at = now(),
        parts = CASE WHEN status = 'failed' THEN '[]' ELSE parts END,
        start = CASE WHEN status = 'failed' THEN NULL ELSE start END,
        row_count = CASE WHEN status = 'failed' THEN 0 ELSE row_count END
      WHERE stream = ${stream} AND table_name = ${table} AND status = ANY (${[...settable[status]]})
      RETURNING id`)) as readonly { readonly id: string }[];
    return rows.map(({ id }) => Number(id));
  },
});

/** What becomes of a run. */
const noting = (
  db: ConnectionPool,
): Pick<Runs, 'replaced' | 'progress' | 'become' | 'compared' | 'nextRead'> => ({
  async replaced(id) {
    await db.query(sql`
      UPDATE cdc_backfills SET replaces = NULL, updated_at = now() WHERE id = ${id}`);
  },
  async progress(id, parts, rows) {
    await db.query(sql`
      UPDATE cdc_backfills SET parts = ${JSON.stringify(parts)}::jsonb, row_count = ${rows},
        updated_at = now() WHERE id = ${id}`);
  },
  async become(id, status, message) {
    await db.query(sql`
      UPDATE cdc_backfills SET status = ${status}, message = ${message ?? null}, updated_at = now()
      WHERE id = ${id} AND status <> 'cancelled'`);
  },
  async compared(id, result) {
    await db.query(sql`
      UPDATE cdc_backfills SET compared = ${JSON.stringify(result)}::jsonb, updated_at = now() WHERE id = ${id}`);
  },
  async nextRead() {
    const [row] = (await db.query(sql`SELECT nextval('cdc_backfill_reads') AS read`)) as [
      { read: string },
    ];
    return Number(row.read);
  },
});

/** From which states a run may be set to another. */
const settable = {
  paused: ['waiting', 'running'],
  waiting: ['paused', 'failed'],
  cancelled: ['waiting', 'running', 'paused', 'failed'],
} as const;

async function prepare(tx: Queryable): Promise<void> {
  await tx.query(sql`SELECT pg_advisory_xact_lock(hashtext('conductor.cdc_backfills'))`);
  await tx.query(sql`CREATE SEQUENCE IF NOT EXISTS cdc_backfill_reads`);
  await tx.query(sql`
    CREATE TABLE IF NOT EXISTS cdc_backfills (
      id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      stream TEXT NOT NULL,
      table_name TEXT NOT NULL,
      condition TEXT,
      status TEXT NOT NULL DEFAULT 'waiting',
      timeline INTEGER,
      lsn TEXT,
      watermark BIGINT,
      parts JSONB NOT NULL DEFAULT '[]',
      row_count BIGINT NOT NULL DEFAULT 0,
      message TEXT,
      created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
      updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
    )`);
  await tx.query(sql`ALTER TABLE cdc_backfills ADD COLUMN IF NOT EXISTS compared JSONB`);
  await tx.query(sql`ALTER TABLE cdc_backfills ADD COLUMN IF NOT EXISTS replaces BIGINT`);
  await tx.query(sql`ALTER TABLE cdc_backfills ADD COLUMN IF NOT EXISTS start JSONB`);
}

interface Stored {
  readonly id: string;
  readonly table_name: string;
  readonly condition: string | null;
  readonly status: RunStatus;
  readonly timeline: number | null;
  readonly lsn: string | null;
  readonly watermark: string | null;
  readonly parts: readonly CopiedPart[];
  readonly row_count: string;
  readonly message: string | null;
  readonly compared: object | null;
  readonly replaces: string | null;
  readonly start: RunStart | null;
}

function runOf(row: Stored): Run {
  const { timeline, lsn, replaces } = row;
  const base =
    timeline === null || lsn === null
      ? null
      : { timeline, lsn: parseLsn(lsn), watermark: Number(row.watermark ?? 0) };
  return {
    id: Number(row.id),
    table: row.table_name,
    condition: row.condition,
    status: row.status,
    base,
    parts: row.parts,
    rows: Number(row.row_count),
    message: row.message,
    compared: row.compared,
    start: row.start,
    replaces: base && replaces !== null ? { ...base, read: Number(replaces) } : null,
  };
}
