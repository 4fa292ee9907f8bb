import pg from 'pg';
import type { TableContract } from '../../contracts/contract.ts';
import type { Checkpoint } from '../wal/checkpoint.ts';
import type { SlotStart } from '../wal/slot-start.ts';
import type { Part } from './described.ts';
import { baseOf, requestFirstCopy } from './first-copy.ts';
import type { Job } from './range-reader.ts';
import { requestReplacements } from './replace-tables.ts';
import type { Base, Run, Runs } from './runs.ts';

/** Asks for the copies that a new slot makes due, and notes with those of tables without a key what its stream brings. */
export async function requestFrom(
  { snapshot, tables }: SlotStart,
  runs: Runs,
  contracts: ReadonlyMap<string, TableContract>,
  from: Checkpoint,
): Promise<void> {
  if (from.recovery === 'repair') return; // What is copied then is known only once it is compared.
  if (from.recovery === null) await requestFirstCopy(runs, contracts, from);
  else await requestReplacements(runs, contracts, from);
  for (const [table, files] of Object.entries(tables))
    await runs.startsAt(table, baseOf(from), { snapshot, files });
}

/**
 * Which rows of a part are copied, and where they stand. Those that the stream does not bring stand where
 * the slot begins, before all that it brings, however late they are read. Where it is not certain which they
 * are, all are copied, for a row that comes twice is better than one that never comes.
 */
export function toCopy(
  { start, base }: Run,
  { part, filenode }: Part,
  now: Base,
): Pick<Job, 'base' | 'notStreamed'> {
  // Of a part that was rewritten since, all rows are of the transaction that did it.
  if (!start || !base || start.files[part] !== filenode) return { base: now, notStreamed: null };
  const { timeline, lsn } = base;
  return { base: { ...now, timeline, lsn }, notStreamed: seenBy(start.snapshot) };
}

/** Once the numbers of transactions have gone round, a row of long ago may bear that of a new one: all are copied then. */
const seenBy = (snapshot: string): string =>
  `(pg_snapshot_xmax(pg_current_snapshot()) >= '4294967296'::xid8
    OR pg_visible_in_snapshot(xmin::text::xid8, ${pg.escapeLiteral(snapshot)}::pg_snapshot))`;
