import { CannotRun } from '../contracts/cannot-run.ts';
import type { Registry } from '../contracts/registry.ts';
import type { Run } from '../pipelines/backfill/runs.ts';
import { forming } from '../pipelines/forming.ts';
import { learning } from '../pipelines/topic/learning.ts';
import type { LaneRecords } from '../pipelines/topic/lane-records.ts';
import type { Governed } from '../schemas/change.ts';
import { changeOf } from '../schemas/governed-record.ts';
import { lsnText } from '../schemas/lsn.ts';
import { compare, type Position } from '../schemas/position.ts';
import type { Range } from './range.ts';

/** How far back a topic reaches. */
export interface Reach {
  /** Lanes that retention has taken records of, each with the first change that it still has. */
  readonly cut: readonly { readonly partition: number; readonly first: Governed | null }[];
}

export async function reachOf(records: LaneRecords, registry: Registry): Promise<Reach> {
  const starts = await records.bounds('start');
  const ends = await records.bounds('end');
  const learn = learning(registry);
  const form = forming(registry);
  const cut: { partition: number; first: Governed | null }[] = [];
  for (const [partition, start] of starts.entries()) {
    if (start === 0n) continue;
    let first: Governed | null = null;
    const end = ends[partition] ?? 0n;
    for await (const batch of records.read(partition, start, end)) {
      const [received] = batch;
      if (!received) continue;
      await learn([received]);
      const [record] = form(received);
      first = record ? changeOf(record) : null;
      break;
    }
    cut.push({ partition, first });
  }
  return { cut };
}

/** Where what a topic holds of every row begins: at its beginning, or at a copy of the whole table. */
export type Whole = { readonly since: Position | null; readonly isCut: boolean };

/**
 * From where on a topic holds every row of its table; null if from nowhere. A copy is whole in it if every lane still
 * has something that stands before the copy: what was copied came after that.
 */
export function wholeFrom({ cut }: Reach, runs: readonly Run[], table: string): Whole | null {
  if (cut.length === 0) return { since: null, isCut: false };
  const copies = runs.filter(
    (run) => run.table === table && run.status === 'done' && run.condition === null && run.base,
  );
  for (const { base } of copies.toReversed()) {
    if (!base) continue;
    const since = { timeline: base.timeline, lsn: base.lsn - 1n, seq: 0, part: 0 };
    if (cut.every(({ first }) => first && compare(first.position, since) < 0))
      return { since, isCut: true };
  }
  return null;
}

/** Refuses a range that begins before the topic does. */
export function refuseCut({ cut }: Reach, { from }: Range, table: string): void {
  const short = cut.find(({ first }) => {
    if (!from || !first) return true;
    return 'lsn' in from ? first.position.lsn > from.lsn : first.committedAt > from.micros;
  });
  if (short) throw unreached(table, short);
}

export function unreached(table: string, { partition, first }: Reach['cut'][number]): CannotRun {
  const begins = first
    ? `begins at ${lsnText(first.position.lsn)}, committed ${new Date(first.committedAt / 1_000).toISOString()}`
    : 'is empty';
  return new CannotRun({
    what: `the topic does not reach back far enough: retention has taken what was before, and lane ${partition} of ${table} ${begins}`,
    where: `gov.… of ${table}`,
    fix: `conductor backfill --table ${table} --wait, and then the whole table again (--backfill does both); or begin later with --from`,
  });
}
