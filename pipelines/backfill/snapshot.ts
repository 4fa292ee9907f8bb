import { setTimeout as wait } from 'node:timers/promises';
import type pg from 'pg';
import { parseLsn } from '../../schemas/lsn.ts';
import { Seen } from './seen.ts';

const againMs = 10;
const longestWaitMs = 500;

/**
 * Begins a transaction whose snapshot is `isEnough`. What it is read `from` is locked before the snapshot is taken: a
 * table that is rewritten or truncated between the two would look empty. A standby is asked only once it
 * has replayed all that the stream has brought; it does not tell which transactions it waits for. Those
 * before `past` have ended, if that is asked for.
 */
export async function beginSnapshot(
  client: pg.Client,
  {
    from,
    brought,
    past,
    signal,
  }: {
    readonly from: string;
    readonly brought: bigint;
    readonly past: number | null;
    readonly signal: AbortSignal;
  },
  isEnough: (seen: Seen) => boolean,
): Promise<Seen> {
  for (let waitMs = againMs; ; waitMs = Math.min(longestWaitMs, 1.5 * waitMs)) {
    signal.throwIfAborted();
    const standby = await replayedOf(client);
    if (standby === null || standby >= brought) {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      await client.query(`LOCK TABLE ${from} IN ACCESS SHARE MODE`); // Takes no snapshot.
      const { rows } = await client.query<{ snapshot: string }>(
        'SELECT pg_current_snapshot()::text AS snapshot',
      );
      const seen = new Seen(rows[0]?.snapshot ?? '');
      const isPast = past === null || seen.isPast(past);
      if (isPast && (standby !== null || isEnough(seen))) return seen;
      await client.query('ROLLBACK');
    }
    await wait(waitMs, undefined, { signal });
  }
}

/** How far a standby has come; null if the server is none. Asked before the snapshot: it may be newer, never older. */
async function replayedOf(client: pg.Client): Promise<bigint | null> {
  const { rows } = await client.query<{ standby: boolean; replayed: string | null }>(
    'SELECT pg_is_in_recovery() AS standby, pg_last_wal_replay_lsn()::text AS replayed',
  );
  const [row] = rows;
  if (!row?.standby) return null;
  return row.replayed === null ? 0n : parseLsn(row.replayed);
}
