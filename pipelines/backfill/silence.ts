import { isSQLError, sql } from '@databases/pg';
import type pg from 'pg';
import { NotNow, publicUrl } from '../../contracts/cannot-run.ts';
import { answerMs, ownPool, partFrom } from '../wal/own-pool.ts';

export const lookEveryMs = 10_000;
const mostDoubts = 2; // In a row: what was just answered may still be on its way.

/** A server's process that answers one connection, in that server's own time. */
export interface Backend {
  readonly pid: number;
  readonly begun: string;
  readonly serverBegun: string;
}

export async function backendOf(client: pg.Client): Promise<Backend> {
  const text = `
    SELECT pid, backend_start::text AS begun, pg_postmaster_start_time()::text AS "serverBegun"
    FROM pg_stat_activity WHERE pid = pg_backend_pid()`;
  const asking = { text, query_timeout: answerMs } as pg.QueryConfig;
  const [backend] = (await client.query<Backend>(asking)).rows;
  if (!backend) throw new Error('the server does not know its own session');
  return backend;
}

/**
 * Whether a process works on what it was asked, be it that it waits for a lock. One that waits for its client
 * has said all, or says it to nobody. Behind one address there may be several servers: of another's nothing is known.
 */
export async function isWorking(
  url: string,
  { pid, begun, serverBegun }: Backend,
): Promise<boolean> {
  const db = ownPool(url, { name: 'conductor backfill', size: 1 });
  try {
    const [{ works }] = (await db.query(sql`
      SELECT pg_postmaster_start_time() <> ${serverBegun}::timestamptz AND pg_postmaster_start_time() < ${begun}::timestamptz
        OR EXISTS (
          SELECT FROM pg_stat_activity
          WHERE pid = ${pid} AND backend_start = ${begun}::timestamptz
            AND state IN ('active', 'disabled') AND wait_event_type IS DISTINCT FROM 'Client') AS works`)) as [
      { readonly works: boolean },
    ];
    return works;
  } finally {
    await partFrom(db);
  }
}

/** A connection over which something is asked now and then. */
export interface Asked {
  /** The bytes that have come over it so far; null while nothing is waited for. */
  readonly heard: () => number | null;
  readonly isWorking: () => Promise<boolean>;
  readonly giveUp: () => void;
}

/**
 * Gives a connection up over which nothing comes, once nobody works on what was asked over it, or nobody can
 * be asked. However long a server works, it is waited for. Returns what ends that.
 */
export function watchSilence(asked: Asked, everyMs: number): () => void {
  let before: number | null = null;
  let doubts = 0;
  let isLooking = false;
  const look = async () => {
    const heard = asked.heard();
    if (heard === null || heard !== before) doubts = 0;
    else {
      const works = await asked.isWorking().catch(isSQLError); // A server that refuses to tell is there.
      if (works || asked.heard() !== heard) doubts = 0;
      else if (++doubts === mostDoubts) asked.giveUp();
    }
    before = heard;
  };
  const looking = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    void look().finally(() => (isLooking = false));
  }, everyMs);
  looking.unref();
  return () => clearInterval(looking);
}

/** What is said of a server that is given up. */
export const silent = (url: string): NotNow =>
  new NotNow({
    what: 'PostgreSQL says nothing, and does not work on what it was asked, or cannot be reached',
    where: publicUrl(url),
    fix: 'see whether the server is there, and what lies between; then ask again',
  });
