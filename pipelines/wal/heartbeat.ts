import { setTimeout as wait } from 'node:timers/promises';
import { isSQLError, type Queryable, sql, SQLErrorCode } from '@databases/pg';
import { wordsOf } from '../../contracts/error-words.ts';
import { ownPool, partFrom } from './own-pool.ts';

export const heartbeatPrefix = 'conductor.heartbeat';

/** WAL worth letting go of: far more than a heartbeat and what the server itself writes on its account. */
const worthBytes = 8_192n;

/**
 * Writes a transactional message to the source every so many seconds, until `signal` aborts, so that a
 * slot of a quiet database in a busy cluster has something to advance on. A server that writes nothing
 * else is left alone, unless windows wait for the log's time to pass; so is a standby. Trouble is told
 * once, and again after it was over.
 */
export async function heartbeat(
  url: string,
  seconds: number,
  signal: AbortSignal,
  onTrouble: (what: string) => void,
  windows: 'windows wait' | 'no windows' = 'no windows',
): Promise<void> {
  if (seconds === 0) return;
  const db = ownPool(url, { name: 'conductor heartbeat', size: 1 });
  let written: bigint | null = null; // As of the last beat.
  let told = false;
  try {
    while (!signal.aborted) {
      try {
        written = await beat(db, written, windows === 'windows wait' ? 0n : worthBytes);
        told = false;
      } catch (error) {
        if (!told && !signal.aborted) onTrouble(reasonOf(error));
        told = true;
      }
      await wait(seconds * 1_000, undefined, { signal }).catch(() => {});
    }
  } finally {
    await partFrom(db);
  }
}

/** Beats if enough was written since `before`; returns what has been written by now. */
async function beat(db: Queryable, before: bigint | null, enough: bigint): Promise<bigint | null> {
  const now = await writtenBytes(db);
  if (now === null || before === null) return now;
  if (now - before < enough && now >= before) return before;
  // Nobody waits for it to be durable, least of all for a synchronous standby.
  await db.query(
    sql`SELECT set_config('synchronous_commit', 'off', true), pg_logical_emit_message(true, ${heartbeatPrefix}, '')`,
  );
  return writtenBytes(db);
}

/**
 * All WAL that the server ever wrote; null on a standby. Not its LSN, where there is something better: a
 * switch of segments moves that by 16 MB, and a beat for each would have the next segment archived, for ever.
 */
async function writtenBytes(db: Queryable): Promise<bigint | null> {
  const [server] = (await db.query(sql`
    SELECT pg_is_in_recovery() AS standby, to_regclass('pg_catalog.pg_stat_wal') IS NOT NULL AS counted`)) as [
    { readonly standby: boolean; readonly counted: boolean },
  ];
  if (server.standby) return null;
  const [{ bytes }] = (await db.query(
    server.counted
      ? sql`SELECT trunc(wal_bytes)::text AS bytes FROM pg_stat_wal`
      : sql`SELECT (pg_current_wal_insert_lsn() - '0/0')::text AS bytes`,
  )) as [{ readonly bytes: string }];
  return BigInt(bytes);
}

function reasonOf(error: unknown): string {
  if (isSQLError(error) && error.code === SQLErrorCode.INSUFFICIENT_PRIVILEGE)
    return 'the role may not write heartbeats, so a quiet database may keep WAL: GRANT EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text, boolean) to it, or set source.heartbeat: 0';
  return `no heartbeat could be written: ${wordsOf(error)}`;
}
