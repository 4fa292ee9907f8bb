import { setTimeout as wait } from 'node:timers/promises';
import { type Queryable, sql } from '@databases/pg';
import pg from 'pg';
import { NotNow, type Trouble } from '../../contracts/cannot-run.ts';
import type { SourceSettings } from '../../contracts/source-settings.ts';
import { lsnText, parseLsn } from '../../schemas/lsn.ts';
import type { Sender } from './sender.ts';
import type { Server } from './server.ts';

const patienceMs = 5_000;

/** A replication slot, as far as this version of the server describes one. */
export interface Slot {
  readonly database: string | null;
  readonly plugin: string | null;
  readonly ours: boolean; // Of this database, and of the plugin that capture reads.
  readonly confirmed: bigint;
  readonly lost: string | null; // Why it cannot be read any more.
  readonly pid: number | null; // Who reads it now.
  readonly twoPhase: boolean;
  readonly failover: boolean;
  readonly synced: boolean; // Kept in step with the primary's: not to be read on a standby.
}

interface Row {
  readonly database: string | null;
  readonly plugin: string | null;
  readonly confirmed_flush_lsn: string | null;
  readonly active_pid: number | null;
  readonly wal_status?: string | null;
  readonly invalidation_reason?: string | null;
  readonly conflicting?: boolean | null;
  readonly two_phase?: boolean | null;
  readonly failover?: boolean | null;
  readonly synced?: boolean | null;
}

/** The slot as it is now; nothing if there is none. */
export async function findSlot(db: Queryable, name: string): Promise<Slot | undefined> {
  const [found] = (await db.query(sql`
    SELECT to_jsonb(slot) AS row, current_database() AS here
    FROM pg_replication_slots slot WHERE slot_name = ${name}`)) as readonly {
    readonly row: Row;
    readonly here: string;
  }[];
  if (!found) return undefined;
  const { row, here } = found;
  return {
    database: row.database,
    plugin: row.plugin,
    ours: row.database === here && row.plugin === 'pgoutput',
    confirmed: parseLsn(row.confirmed_flush_lsn ?? '0/0'),
    lost: lostBy(row),
    pid: row.active_pid,
    twoPhase: row.two_phase ?? false,
    failover: row.failover ?? false,
    synced: row.synced ?? false,
  };
}

function lostBy(row: Row): string | null {
  if (row.invalidation_reason) return row.invalidation_reason;
  if (row.conflicting) return 'a conflict with recovery';
  return row.wal_status === 'lost' ? 'wal_removed' : null;
}

/**
 * Rejects if the slot has moved past `at` since it was looked at: the server would begin where the slot is,
 * and say nothing of what lies between.
 */
export async function checkUnmoved(
  sender: Pick<Sender, 'ask'>,
  name: string,
  at: bigint,
): Promise<void> {
  const [row] = await sender.ask(
    `SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = ${pg.escapeLiteral(name)}`,
  );
  const confirmed = typeof row?.['lsn'] === 'string' ? parseLsn(row['lsn']) : null;
  if (confirmed !== null && confirmed > at)
    throw new Error(
      `replication slot ${name} has moved to ${lsnText(confirmed)}, past ${lsnText(at)}, just before it was to be read: looking at it again`,
    );
}

/** The slot, once nobody reads it: the server may take a moment to see that a killed worker is gone. */
export async function idleSlot(
  db: Queryable,
  name: string,
  { standby }: Pick<Server, 'standby'>,
): Promise<Slot | undefined> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const slot = await findSlot(db, name);
    if (slot?.synced && standby)
      throw new NotNow({
        what: 'the slot is kept on this standby for a promotion, and cannot be read before it',
        where: `replication slot ${name}`,
        fix: 'point source.url to the primary, or promote this server',
      });
    if (!slot || slot.pid === null) return slot;
    if (performance.now() > deadline)
      throw new NotNow({
        what: `the slot is held by another process (server process ${slot.pid}): two captures on one slot would lose changes`,
        where: `replication slot ${name}`,
        fix: `stop the other worker, or give this one a slot of its own with source.slot; if nothing runs: SELECT pg_terminate_backend(${slot.pid})`,
      });
    await wait(200);
  }
}

/** Creates the slot with what the settings ask of it; returns where it begins. */
export async function createSlot(
  db: Queryable,
  settings: SourceSettings,
  server: Server,
): Promise<bigint> {
  const { slot, twoPhase } = settings;
  const { version } = server;
  const [{ lsn }] = (await db.query(
    version >= 170_000
      ? sql`SELECT lsn::text FROM pg_create_logical_replication_slot(${slot}, 'pgoutput', false, ${twoPhase}, ${wantsFailover(settings, server)})`
      : version >= 140_000
        ? sql`SELECT lsn::text FROM pg_create_logical_replication_slot(${slot}, 'pgoutput', false, ${twoPhase})`
        : sql`SELECT lsn::text FROM pg_create_logical_replication_slot(${slot}, 'pgoutput')`,
  )) as [{ lsn: string }];
  return parseLsn(lsn);
}

export const dropSlot = (db: Queryable, name: string) =>
  db.query(sql`SELECT pg_drop_replication_slot(${name})`);

/** Why a slot of that name is not one for capture to read, whatever was captured through it. */
export function slotFault(
  found: Slot,
  { slot, twoPhase }: Pick<SourceSettings, 'slot' | 'twoPhase'>,
): Trouble | null {
  const where = `replication slot ${slot}`;
  if (!found.ours)
    return {
      what: `the slot belongs to something else: database ${found.database ?? 'none'}, plugin ${found.plugin ?? 'none'}`,
      where,
      fix: 'give capture a slot of its own with source.slot',
    };
  if (found.lost === null && found.twoPhase !== twoPhase)
    return {
      what: `the slot was created ${found.twoPhase ? 'with' : 'without'} two_phase, and source.twoPhase is ${twoPhase}`,
      where,
      fix: `set source.twoPhase: ${found.twoPhase}, or begin with another slot (source.slot) that is created so`,
    };
  return null;
}

/** What is said of a slot that another stream, or another program, may depend on. */
export const unclaimed = (name: string): Trouble => ({
  what: 'the slot is there, but no checkpoint says that it is ours',
  where: `replication slot ${name}`,
  fix: `if nothing uses it: SELECT pg_drop_replication_slot('${name}'); otherwise give capture another with source.slot`,
});

/** Whether standbys are to keep the slot: from 17 on, and not where it is on a standby itself. */
export const wantsFailover = (
  { failover }: SourceSettings,
  { version, standby }: Server,
): boolean => failover && version >= 170_000 && !standby;

/** Has standbys keep the slot, or keep it no longer, as the settings say. */
export async function alignFailover(
  sender: Pick<Sender, 'ask'>,
  found: Slot,
  { settings, server }: { readonly settings: SourceSettings; readonly server: Server },
): Promise<void> {
  const wanted = wantsFailover(settings, server);
  if (server.version >= 170_000 && !server.standby && found.failover !== wanted)
    await sender.ask(`ALTER_REPLICATION_SLOT "${settings.slot}" ( FAILOVER ${wanted} )`);
}
