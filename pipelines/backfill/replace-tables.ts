import type { TableContract } from '../../contracts/contract.ts';
import type { Checkpoint } from '../wal/checkpoint.ts';
import { baseOf, isBefore } from './first-copy.ts';
import type { Run, Runs } from './runs.ts';

/**
 * After a slot was lost nobody knows what was deleted meanwhile: every table is copied in place of all that
 * was captured of it. What was asked for since the new slot was made goes on.
 */
export async function requestReplacements(
  runs: Runs,
  contracts: ReadonlyMap<string, TableContract>,
  from: Checkpoint,
): Promise<void> {
  const all = await runs.all();
  for (const { table, outbox } of contracts.values()) {
    if (outbox || isReplaced(all, table, from)) continue;
    await runs.set(table, 'cancelled'); // They are of the old slot, or part of this.
    await runs.replace(table, baseOf(from));
  }
}

/** Whether a copy of the whole table was asked for since a slot was made. */
export const isReplaced = (all: readonly Run[], table: string, from: Checkpoint): boolean =>
  all.some(
    (run) =>
      run.table === table &&
      run.condition === null &&
      run.status !== 'cancelled' &&
      run.base !== null &&
      !isBefore(run, from),
  );
