import { sql } from '@databases/pg';
import { expect, vi } from 'vitest';
import { parseLsn } from '../../../schemas/lsn.ts';
import type { Way } from '../way/way.ts';

/** Resolves once the slot was told of everything that is in the WAL now. */
export async function caughtUp(way: Way, slot = way.name): Promise<void> {
  const [{ head } = { head: '0/0' }] = (await way.source.query(
    sql`SELECT pg_current_wal_flush_lsn()::text AS head`,
  )) as readonly { readonly head: string }[];
  await vi.waitFor(
    async () => {
      const [{ told } = { told: '0/0' }] = (await way.source.query(
        sql`SELECT confirmed_flush_lsn::text AS told FROM pg_replication_slots WHERE slot_name = ${slot}`,
      )) as readonly { readonly told: string }[];
      expect(parseLsn(told)).toBeGreaterThanOrEqual(parseLsn(head));
    },
    { timeout: 120_000, interval: 50 },
  );
}
