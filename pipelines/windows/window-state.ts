import { setTimeout as wait } from 'node:timers/promises';
import { type ConnectionPool, type Queryable, sql } from '@databases/pg';
import { CannotRun, NotNow } from '../../contracts/cannot-run.ts';
import { ownPool, partFrom } from '../wal/own-pool.ts';
import { postgresTrouble } from '../wal/postgres-trouble.ts';
import type { LaneMark } from './lane-queue.ts';

/** What is remembered of a task between two windows. */
export interface WindowPlace {
  readonly closed: number | null; // The last window that was closed.
  readonly lanes: readonly LaneMark[];
}

interface Row {
  readonly epoch: string;
  readonly form: string;
  readonly closed: string | null;
  readonly lanes: readonly (Omit<LaneMark, 'next'> & { readonly next: string })[];
}

const askEveryMs = 500;

/**
 * How far a task's windows are closed, in `conductor_windows` of Conductor's own database. One worker at a time
 * owns the task, by a lock of its session there; whoever lost it without knowing cannot save anything more.
 */
export class WindowState implements AsyncDisposable {
  readonly #task: string;
  readonly #pool: ConnectionPool;
  readonly #release: () => void;
  readonly #epoch: string;
  /** The session that holds the lock: what is asked over another might outlive it. */
  readonly session: Queryable;
  readonly place: WindowPlace;

  private constructor(
    task: string,
    { pool, session, release }: Held,
    { epoch, closed, lanes }: Row,
  ) {
    this.#task = task;
    this.#pool = pool;
    this.#release = release;
    this.#epoch = epoch;
    this.session = session;
    this.place = {
      closed: closed === null ? null : Number(closed),
      lanes: lanes.map((lane) => ({ ...lane, next: BigInt(lane.next) })),
    };
  }

  /** Waits until the task is ours, and then looks of what form it is to be; null if `signal` aborts before. */
  static async own(
    url: string,
    task: string,
    form: () => Promise<string>,
    signal: AbortSignal,
  ): Promise<WindowState | null> {
    const held = await heldSession(url).catch((error: unknown) => {
      throw postgresTrouble(error, 'state.url', url);
    });
    try {
      await createTable(held.session);
      while (!(await isLocked(held.session, task))) {
        await wait(askEveryMs, undefined, { signal }).catch(() => {});
        if (!signal.aborted) continue;
        await letGo(held);
        return null;
      }
      return new WindowState(task, held, await takenUp(held.session, task, await form()));
    } catch (error) {
      await letGo(held);
      throw error;
    }
  }

  /** Moves the task on, with what else is to be saved, in one transaction. */
  async save(
    closed: number | null,
    lanes: readonly LaneMark[],
    save: (tx: Queryable) => Promise<void>,
  ): Promise<void> {
    const text = JSON.stringify(lanes.map((lane) => ({ ...lane, next: `${lane.next}` })));
    await this.session.tx(async (tx) => {
      const moved = await tx.query(sql`
        UPDATE conductor_windows SET closed = ${closed}, lanes = ${text}::jsonb
        WHERE task = ${this.#task} AND epoch = ${this.#epoch} RETURNING 1`);
      if (moved.length === 0) throw overtaken(this.#task);
      await save(tx);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return letGo({ pool: this.#pool, release: this.#release });
  }
}

interface Held {
  readonly pool: ConnectionPool;
  readonly session: Queryable;
  readonly release: () => void;
}

/** One session for as long as it is wanted: the lock is its own. */
async function heldSession(url: string): Promise<Held> {
  const pool = ownPool(url, { name: 'conductor windows', size: 1 });
  const released = Promise.withResolvers<void>();
  try {
    const session = await new Promise<Queryable>((resolve, reject) => {
      pool
        .task(async (task) => {
          resolve(task);
          await released.promise;
        })
        .catch(reject);
    });
    return { pool, session, release: () => released.resolve() };
  } catch (error) {
    await partFrom(pool);
    throw error;
  }
}

async function letGo({ pool, release }: Pick<Held, 'pool' | 'release'>): Promise<void> {
  release();
  await partFrom(pool);
}

const createTable = (session: Queryable) =>
  session.tx(async (tx) => {
    await tx.query(sql`SELECT pg_advisory_xact_lock(hashtext('conductor.conductor_windows'))`);
    await tx.query(sql`
      CREATE TABLE IF NOT EXISTS conductor_windows (
        task TEXT PRIMARY KEY,
        epoch BIGINT NOT NULL,
        form TEXT NOT NULL,
        closed BIGINT,
        lanes JSONB NOT NULL DEFAULT '[]'
      )`);
  });

async function isLocked(session: Queryable, task: string): Promise<boolean> {
  const [row] = (await session.query(
    sql`SELECT pg_try_advisory_lock(hashtextextended(${`conductor.windows/${task}`}, 0)) AS locked`,
  )) as readonly { readonly locked: boolean }[];
  return row?.locked ?? false;
}

/** Begins an epoch: from now on nobody of the ones before can save. */
async function takenUp(session: Queryable, task: string, form: string): Promise<Row> {
  const [row] = (await session.query(sql`
    INSERT INTO conductor_windows AS known (task, epoch, form) VALUES (${task}, 1, ${form})
    ON CONFLICT (task) DO UPDATE SET epoch = known.epoch + 1
    RETURNING epoch::text, form, closed::text, lanes`)) as readonly Row[];
  if (!row) throw new TypeError('conductor_windows gave no row');
  if (row.form !== form)
    throw new CannotRun({
      what: `the windows of ${task} were of another form: ${row.form}, and not ${form}; what was published does not go on in this one`,
      where: `the contract of ${task}`,
      fix: 'set it back, or give the dataset another name, so that it begins anew',
    });
  return row;
}

/** Whoever was stopped for a while, and finds that another has gone on meanwhile. */
const overtaken = (task: string) =>
  new NotNow({
    what: `another worker has gone on with the windows of ${task}: what this one has decided meanwhile is not saved`,
    where: 'conductor_windows of state.url',
    fix: 'none is needed: this one waits until it may take its turn',
  });
