import { sql } from '@databases/pg';
import { expect, vi } from 'vitest';
import { parseLsn } from '../../../schemas/lsn.ts';
import { type Copy, type OwnPostgres, ownPostgres, run } from './own-postgres.ts';

const patience = { timeout: 60_000, interval: 100 };

/** A standby that begins with a copy of its primary, and can keep its failover slots in step. */
export function follower(
  primary: OwnPostgres,
  copyOf: Copy,
  { slot, worker }: { readonly slot: string; readonly worker: 'on' | 'off' }, // Off, a test asks for each step; on, it naps between them.
): Promise<OwnPostgres> {
  const { username, password } = new URL(primary.url());
  return ownPostgres({
    copyOf,
    files: { 'standby.signal': '' },
    settings: {
      primary_conninfo: `host=127.0.0.1 port=${primary.port} user=${username} password=${password} dbname=postgres application_name=${slot}`,
      primary_slot_name: slot,
      hot_standby_feedback: 'on',
      sync_replication_slots: worker,
      wal_retrieve_retry_interval: '200ms',
    },
  });
}

/** The LSN that an expression gives on a server. */
export async function lsnOf(server: OwnPostgres, expression: string): Promise<bigint> {
  const [row] = await server
    .db()
    .query(sql`SELECT (${sql.__dangerous__rawValue(expression)})::text AS lsn`);
  return parseLsn(row.lsn);
}

/**
 * Waits until a standby has replayed everything, and could read the slot if it were promoted now: for
 * that, what reads the slot on the primary must go on meanwhile.
 */
export async function inStep(
  { primary, standby }: { readonly primary: OwnPostgres; readonly standby: OwnPostgres },
  slot: string,
  meanwhile: () => Promise<void>,
): Promise<void> {
  await vi.waitFor(async () => {
    await run(primary.db(), 'SELECT pg_log_standby_snapshot()');
    await meanwhile();
    const [found] = await standby.db().query(sql`
      SELECT synced, temporary, invalidation_reason FROM pg_replication_slots WHERE slot_name = ${slot}`);
    expect(found).toEqual({ synced: true, temporary: false, invalidation_reason: null });
    const end = await lsnOf(primary, 'pg_current_wal_flush_lsn()');
    expect(await lsnOf(standby, 'pg_last_wal_replay_lsn()')).toBeGreaterThanOrEqual(end);
  }, patience);
}

/** Makes a standby a primary, on a timeline of its own. */
export async function promote(standby: OwnPostgres): Promise<void> {
  await run(standby.db(), 'SELECT pg_promote(true, 60)');
}
