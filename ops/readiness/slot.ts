import { type Queryable, sql } from '@databases/pg';
import { CannotRun } from '../../contracts/cannot-run.ts';
import type { SourceSettings } from '../../contracts/source-settings.ts';
import { breakOf } from '../../pipelines/wal/continuity.ts';
import { choices } from '../../pipelines/wal/recover.ts';
import { type Identity, type Server, walEnd } from '../../pipelines/wal/server.ts';
import {
  findSlot,
  type Slot,
  slotFault,
  unclaimed,
  wantsFailover,
} from '../../pipelines/wal/slot.ts';
import { heldUp, lastingHolders } from '../../pipelines/wal/slot-holders.ts';
import { BudgetMeter, sampleBudget } from '../../pipelines/wal/wal-budget.ts';
import { lsnText } from '../../schemas/lsn.ts';
import { failed, type Finding, ok, warning } from './finding.ts';
import type { Known } from './state.ts';

interface Standing {
  readonly settings: SourceSettings;
  readonly server: Server;
  readonly identity: Identity | null; // Unknown where no replication connection could be made.
  readonly known: Known;
}

/** Looks whether the stream can go on through its slot, and how much WAL may be kept for it. */
export async function checkSlot(db: Queryable, standing: Standing): Promise<readonly Finding[]> {
  const { settings, server } = standing;
  const slot = await findSlot(db, settings.slot);
  return [
    ...(await checkContinuity(db, slot, standing)),
    ...(slot ? [] : [...(await checkRoom(db)), ...(await checkHolders(db, settings.slot))]),
    ...(await checkFailover(db, settings, server)),
    ...(await checkBudget(db, slot, settings.slot)),
  ];
}

async function checkContinuity(
  db: Queryable,
  slot: Slot | undefined,
  { settings, server, identity, known }: Standing,
): Promise<readonly Finding[]> {
  const where = `replication slot ${settings.slot}`;
  const fault = slot && slotFault(slot, settings);
  if (fault) return [failed('slot', fault)];
  if (!known)
    return [
      warning('slot', {
        what: `${slot ? 'it is there' : 'there is none'}, but no checkpoint could be read to hold it against`,
        where,
        fix: 'mend what is said of the state, and check again',
      }),
    ];
  const checkpoint = await known.now(); // After the slot: a worker acknowledges what it has recorded, never more.
  if (!checkpoint)
    return [slot ? failed('slot', unclaimed(settings.slot)) : created(settings.slot)];
  if (identity) {
    try {
      const head = await walEnd(db);
      const broken = breakOf({
        slot,
        checkpoint,
        server: { head, standby: server.standby },
        identity,
      });
      if (broken) return [failed('slot', { what: broken.what, where, fix: choices(broken) })];
    } catch (error) {
      if (!(error instanceof CannotRun)) throw error;
      return [failed('slot', error.trouble)];
    }
  }
  if (!slot) return [created(settings.slot)];
  const reader = slot.pid === null ? 'nobody reads it' : `server process ${slot.pid} reads it`;
  const from =
    checkpoint.lsn === 0n
      ? 'is new, nothing was captured through it yet'
      : `goes on from ${lsnText(checkpoint.lsn)}`;
  return [ok('slot', `${settings.slot} ${from}; ${reader}`)];
}

const created = (name: string) => ok('slot', `${name} will be created`);

async function checkHolders(db: Queryable, name: string): Promise<readonly Finding[]> {
  const holders = await lastingHolders(db);
  return holders.length === 0 ? [] : [warning('slot', heldUp(name, holders))];
}

async function checkRoom(db: Queryable): Promise<readonly Finding[]> {
  const [room] = (await db.query(sql`
    SELECT (SELECT count(*)::int FROM pg_replication_slots) AS slots,
           current_setting('max_replication_slots')::int AS "mostSlots",
           (SELECT count(*)::int FROM pg_stat_replication) AS senders,
           current_setting('max_wal_senders')::int AS "mostSenders"`)) as [
    { slots: number; mostSlots: number; senders: number; mostSenders: number },
  ];
  const { slots, mostSlots, senders, mostSenders } = room;
  const full = (setting: string, used: number, most: number): readonly Finding[] =>
    used < most
      ? [ok(setting, `${used} of ${most} are taken`)]
      : [
          failed(setting, {
            what: `all ${most} are taken`,
            where: setting,
            fix: `ALTER SYSTEM SET ${setting} = ${most + 5}; then restart PostgreSQL`,
          }),
        ];
  return [
    ...full('max_replication_slots', slots, mostSlots),
    ...full('max_wal_senders', senders, mostSenders),
  ];
}

/** A standby that lags behind Conductor cannot take over without a break. */
async function checkFailover(
  db: Queryable,
  settings: SourceSettings,
  server: Server,
): Promise<readonly Finding[]> {
  if (!wantsFailover(settings, server)) return [];
  const [row] = (await db.query(sql`
    SELECT current_setting('synchronized_standby_slots', true) AS named,
           (SELECT array_agg(slot_name::text) FROM pg_replication_slots WHERE slot_type = 'physical') AS standbys`)) as [
    { named: string | null; standbys: readonly string[] | null },
  ];
  if (row.named || !row.standbys) return [];
  return [
    warning('failover', {
      what: 'the slot may run ahead of the standbys: one that is promoted may lack what was captured already',
      where: 'synchronized_standby_slots',
      fix: `ALTER SYSTEM SET synchronized_standby_slots = '${row.standbys.join(', ')}'; SELECT pg_reload_conf()`,
    }),
  ];
}

async function checkBudget(
  db: Queryable,
  slot: Slot | undefined,
  name: string,
): Promise<readonly Finding[]> {
  const [{ keep, idle }] = (await db.query(sql`
    SELECT current_setting('max_slot_wal_keep_size') AS keep,
           coalesce(current_setting('idle_replication_slot_timeout', true), '0') AS idle`)) as [
    { keep: string; idle: string },
  ];
  const findings: Finding[] = [];
  if (keep === '-1')
    findings.push(
      warning('max_slot_wal_keep_size', {
        what: 'without a limit a worker that is down fills the disk of the source',
        where: 'max_slot_wal_keep_size',
        fix: "ALTER SYSTEM SET max_slot_wal_keep_size = '50GB', or what the disk can spare; SELECT pg_reload_conf()",
      }),
    );
  if (idle !== '0')
    findings.push(
      warning('idle_replication_slot_timeout', {
        what: `a slot that nobody reads for ${idle} is invalidated`,
        where: 'idle_replication_slot_timeout',
        fix: 'have it longer than any outage that is to be survived, or 0',
      }),
    );
  const sample = slot?.lost === null ? await sampleBudget(db, name, 0) : null;
  if (!sample) return findings;
  const budget = new BudgetMeter().take(sample);
  const kept = `${megabytes(budget.retainedBytes)} of WAL are kept`;
  const of = budget.budgetBytes === null ? '' : ` of ${megabytes(budget.budgetBytes)} that may be`;
  const short = budget.usedRatio >= 0.8 || budget.status === 'unreserved';
  return [
    ...findings,
    short
      ? warning('wal', {
          what: `${kept}${of}: the slot will be lost before long`,
          where: `replication slot ${name}`,
          fix: 'start the worker, see what holds it up with conductor lag, or raise max_slot_wal_keep_size',
        })
      : ok('wal', `${kept}${of}`),
  ];
}

const megabytes = (bytes: number) => `${(bytes / 1_048_576).toFixed(1)} MB`;
