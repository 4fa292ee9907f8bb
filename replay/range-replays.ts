import { type ConnectionPool, type Queryable, sql } from '@databases/pg';
import { CannotRun } from '../contracts/cannot-run.ts';
import { holdName } from '../pipelines/wal/held-name.ts';
import { ownPool, partFrom } from '../pipelines/wal/own-pool.ts';
import type { ReplayLane } from './range-source.ts';

/** What is to be rebuilt, as it is kept: who asks for the same again goes on with it. */
export interface Asked {
  readonly database: string;
  readonly table: string;
  readonly sink: string;
  readonly range: string;
  readonly how: 'switch' | 'merge';
}

/** How far a replay is. `finishing` is noted before, and `finished` after, what it has made is where readers look. */
export type ReplayStage = 'filling' | 'finishing' | 'finished' | 'done' | 'abandoned';

/** A replay that is under way. */
export interface Replay {
  readonly id: number;
  readonly stage: ReplayStage;
  readonly note: string | null; // What the sink noted of its own when it began to finish.
  readonly lanes: readonly ReplayLane[]; // None until it has begun.
  readonly written: number;
  readonly refused: Readonly<Record<string, number>>; // By reason.
  readonly startedAt: Date;
}

/** The replays of Conductor's own database, in `conductor_range_replays`. */
export interface Replays extends AsyncDisposable {
  /** Keeps others from replaying a table into a sink, for as long as it is held and the connection lives. */
  hold(asked: Pick<Asked, 'database' | 'table' | 'sink'>): Promise<AsyncDisposable>;
  /** The one that is under way of this table and sink, or a new one. */
  open(asked: Asked): Promise<Replay>;
  progress(id: number, part: Pick<Replay, 'lanes' | 'written' | 'refused'>): Promise<void>;
  become(id: number, stage: ReplayStage, note?: string): Promise<void>;
  done(id: number, manifest: string): Promise<void>;
  /** The one that is under way, to be given up. */
  underWay(asked: Pick<Asked, 'database' | 'table' | 'sink'>): Promise<Replay | null>;
}

export async function replaysAt(url: string): Promise<Replays> {
  const db = ownPool(url, { name: 'conductor range replays', size: 2 });
  await db.tx(prepare);
  return {
    hold: ({ database, sink, table }) => hold(db, `${database}/${sink}/${table}`),
    async open(asked) {
      const found = await current(db, asked);
      if (found && (found.range !== asked.range || found.how !== asked.how))
        throw new CannotRun({
          what: `another replay of ${asked.table} into ${asked.sink} is under way: number ${found.id}, ${found.range}`,
          where: 'conductor_range_replays',
          fix: 'ask for the same again to go on with it, or give it up with --abandon',
        });
      if (found) return replayOf(found);
      const [made] = (await db.query(sql`
        INSERT INTO conductor_range_replays (database, "table", sink, range, how)
        VALUES (${asked.database}, ${asked.table}, ${asked.sink}, ${asked.range}, ${asked.how})
        RETURNING *`)) as readonly Stored[];
      if (!made) throw new Error('conductor_range_replays took no row');
      return replayOf(made);
    },
    async progress(id, { lanes, written, refused }) {
      const kept = lanes.map(({ partition, next }) => ({ partition, next: `${next}` }));
      await db.query(sql`
        UPDATE conductor_range_replays SET lanes = ${JSON.stringify(kept)}::jsonb, written = ${written},
          refused = ${JSON.stringify(refused)}::jsonb, updated_at = now() WHERE id = ${id}`);
    },
    async become(id, stage, note) {
      await db.query(sql`
        UPDATE conductor_range_replays SET stage = ${stage}, note = coalesce(${note ?? null}, note),
          updated_at = now() WHERE id = ${id}`);
    },
    async done(id, manifest) {
      await db.query(sql`
        UPDATE conductor_range_replays SET stage = 'done', manifest = ${manifest}, updated_at = now()
        WHERE id = ${id}`);
    },
    async underWay(asked) {
      const found = await current(db, asked);
      return found ? replayOf(found) : null;
    },
    [Symbol.asyncDispose]: () => partFrom(db),
  };
}

async function prepare(tx: Queryable): Promise<void> {
  await tx.query(sql`SELECT pg_advisory_xact_lock(hashtext('conductor.conductor_range_replays'))`);
  await tx.query(sql`SET LOCAL client_min_messages = warning`);
  await tx.query(sql`
    CREATE TABLE IF NOT EXISTS conductor_range_replays (
      id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      database TEXT NOT NULL,
      "table" TEXT NOT NULL,
      sink TEXT NOT NULL,
      range TEXT NOT NULL,
      how TEXT NOT NULL,
      stage TEXT NOT NULL DEFAULT 'filling',
      note TEXT,
      lanes JSONB NOT NULL DEFAULT '[]',
      written BIGINT NOT NULL DEFAULT 0,
      refused JSONB NOT NULL DEFAULT '{}',
      manifest TEXT,
      started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
      updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
    )`);
}

async function current(
  db: ConnectionPool,
  { database, table, sink }: Pick<Asked, 'database' | 'table' | 'sink'>,
): Promise<Stored | null> {
  const [row] = (await db.query(sql`
    SELECT * FROM conductor_range_replays WHERE database = ${database} AND "table" = ${table} AND sink = ${sink}
      AND stage NOT IN ('done', 'abandoned') ORDER BY id DESC LIMIT 1`)) as readonly Stored[];
  return row ?? null;
}

/** Keeps a table and sink from others for as long as the connection lives. */
async function hold(db: ConnectionPool, name: string): Promise<AsyncDisposable> {
  const held = await holdName(db, `conductor.replay/${name}`);
  if (held) return held;
  throw new CannotRun({
    what: `somebody replays ${name} already`,
    where: 'conductor_range_replays',
    fix: 'let that command end; what was killed lets go within seconds',
  });
}

interface Stored {
  readonly id: string;
  readonly range: string;
  readonly how: Asked['how'];
  readonly stage: ReplayStage;
  readonly note: string | null;
  readonly lanes: readonly { readonly partition: number; readonly next: string }[];
  readonly written: string;
  readonly refused: Readonly<Record<string, number>>;
  readonly started_at: Date;
}

const replayOf = (row: Stored): Replay => ({
  id: Number(row.id),
  stage: row.stage,
  note: row.note,
  lanes: row.lanes.map(({ partition, next }) => ({ partition, next: BigInt(next) })),
  written: Number(row.written),
  refused: row.refused,
  startedAt: row.started_at,
});
