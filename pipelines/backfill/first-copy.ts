import type { TableContract } from '../../contracts/contract.ts';
import type { Checkpoint } from '../wal/checkpoint.ts';
import type { Run, Runs } from './runs.ts';

/**
 * A new slot tells only of what is committed from now on: the rows that are there are copied. What an
 * earlier slot had begun to copy begins anew, for nobody saw what changed between the two.
 */
export async function requestFirstCopy(
  runs: Runs,
  contracts: ReadonlyMap<string, TableContract>,
  from: Checkpoint,
): Promise<void> {
  const all = await runs.all();
  const known = new Set<string>();
  for (const run of all) {
    const isOld = isBefore(run, from);
    const isOpen = run.status !== 'done' && run.status !== 'cancelled';
    if (isOld && isOpen) await runs.beginAnew(run.id);
    if (run.condition === null && (!isOld || isOpen)) known.add(run.table);
  }
  for (const { table, outbox } of contracts.values())
    if (!outbox && !known.has(table)) await runs.request(table, null);
}

function isBefore({ base }: Run, { timeline, era, lsn }: Checkpoint): boolean {
  if (!base) return false;
  const lifted = timeline + era;
  return base.timeline < lifted || (base.timeline === lifted && base.lsn < lsn);
}
