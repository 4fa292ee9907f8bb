import { type Queryable, sql } from '@databases/pg';
import { lookEvery } from './look-every.ts';
import { ownPool } from './own-pool.ts';

/** How much WAL the server keeps for a slot, and how much it will keep before it invalidates the slot. */
export interface WalBudget {
  readonly status: string; // reserved, extended, unreserved or lost.
  readonly retainedBytes: number;
  readonly budgetBytes: number | null; // Null where only the disk is a limit.
  readonly usedRatio: number; // 0 where there is no limit.
  readonly secondsLeft: number; // At the present rate; infinite where it does not grow or has no limit.
}

const warnAt = 0.8;

/** Whether somebody should look: most of the budget is used, or the server may take away what the slot still needs. */
export const isRunningOut = ({ status, usedRatio }: WalBudget): boolean =>
  usedRatio >= warnAt || status === 'unreserved' || status === 'lost';

interface Sample {
  readonly atMs: number;
  readonly status: string;
  readonly retained: number;
  readonly safe: number | null; // What may still be written.
}

const windowMs = 60_000;
const warnEveryMs = 60_000;

/** Gives the rate at which a budget is used up, from the samples of the last minute. */
export class BudgetMeter {
  #samples: readonly Sample[] = [];

  take(sample: Sample): WalBudget {
    this.#samples = [...this.#samples.filter(({ atMs }) => sample.atMs - atMs <= windowMs), sample];
    const { status, retained, safe } = sample;
    if (safe === null)
      return {
        status,
        retainedBytes: retained,
        budgetBytes: null,
        usedRatio: 0,
        secondsLeft: Infinity,
      };
    const budget = retained + safe;
    return {
      status,
      retainedBytes: retained,
      budgetBytes: budget,
      usedRatio: budget > 0 ? retained / budget : 1,
      secondsLeft: this.#secondsLeft(sample, safe),
    };
  }

  #secondsLeft(now: Sample, safe: number): number {
    if (safe <= 0) return 0;
    const first = this.#samples.find((sample) => sample.safe !== null);
    const used = (first?.safe ?? safe) - safe;
    const ms = now.atMs - (first?.atMs ?? now.atMs);
    return used > 0 && ms > 0 ? (safe / used) * (ms / 1_000) : Infinity;
  }
}

/** One look at a slot's budget, for the meter; nothing if there is no such slot. */
export async function sampleBudget(
  db: Queryable,
  slot: string,
  atMs: number,
): Promise<Sample | null> {
  const [row] = (await db.query(sql`
    SELECT coalesce(wal_status, '') AS status,
           coalesce((CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                          ELSE pg_current_wal_lsn() END) - restart_lsn, 0)::float8 AS retained,
           safe_wal_size::float8 AS safe
    FROM pg_replication_slots WHERE slot_name = ${slot}`)) as readonly Omit<Sample, 'atMs'>[];
  return row ? { ...row, atMs } : null;
}

export interface Watching {
  readonly url: string;
  readonly slot: string;
  readonly everySeconds: number;
  readonly seen: (budget: WalBudget) => void;
  /** Told at most once a minute, while it is running out. */
  readonly warn: (budget: WalBudget) => void;
}

/** Looks at a slot's budget until it is disposed of. */
export function watchBudget({ url, slot, everySeconds, seen, warn }: Watching): AsyncDisposable {
  const meter = new BudgetMeter();
  let warnedMs = -Infinity;
  return lookEvery(
    everySeconds,
    ownPool(url, { name: 'conductor budget', size: 1 }),
    async (db) => {
      const sample = await sampleBudget(db, slot, performance.now());
      if (!sample) return;
      const budget = meter.take(sample);
      seen(budget);
      if (!isRunningOut(budget) || sample.atMs - warnedMs < warnEveryMs) return;
      warnedMs = sample.atMs;
      warn(budget);
    },
  );
}
