import type { TableContract } from '../../contracts/contract.ts';
import type { Checkpoint } from '../wal/checkpoint.ts';
import type { Base, Run, Runs } from './runs.ts';

/**
 * A new slot tells only of what is committed from now on: the rows that are there are copied. What an
 * earlier slot had begun to copy is replaced, for nobody saw what changed between the two.
 */
export async function requestFirstCopy(
  runs: Runs,
  contracts: ReadonlyMap<string, TableContract>,
  from: Checkpoint,
): Promise<void> {
  const known = new Set<string>();
  const copiedBefore = new Set<string>();
  for (const run of await runs.all()) {
    const { id, table, condition, status } = run;
    const isOld = isBefore(run, from);
    const isOpen = status !== 'done' && status !== 'cancelled';
    if (isOld) copiedBefore.add(table);
    if (isOld && isOpen) await runs.become(id, 'cancelled', 'its slot is gone: all is copied anew');
    if (condition === null && !isOld) known.add(table);
  }
  for (const { table, outbox } of contracts.values()) {
    if (outbox || known.has(table)) continue;
    if (copiedBefore.has(table)) await runs.replace(table, baseOf(from));
    else await runs.request(table, null);
  }
}

/** Where a slot begins, among the positions of its stream. */
export const baseOf = ({ timeline, era, lsn, watermark }: Checkpoint): Base => ({
  timeline: timeline + era,
  lsn,
  watermark,
});

/** Whether a copy was begun beside an earlier slot. */
export function isBefore({ base }: Run, from: Checkpoint): boolean {
  if (!base) return false;
  const { timeline, lsn } = baseOf(from);
  return base.timeline < timeline || (base.timeline === timeline && base.lsn < lsn);
}
