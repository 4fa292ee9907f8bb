import { CannotRun } from '../../contracts/cannot-run.ts';
import type { Config } from '../../contracts/config.ts';
import type { TableContract } from '../../contracts/contract.ts';
import { type Run, runsAt } from '../../pipelines/backfill/runs.ts';

/** Throws if rows that somebody waits for were not copied: the stream had gone on without them. */
export async function refuseFailedCopies(
  { state, database, source }: Config,
  contracts: ReadonlyMap<string, TableContract>,
): Promise<void> {
  await using runs = await runsAt(state.url, `${database}/${source.slot}`);
  const failed = failedCopies(await runs.all()).filter(({ table }) => contracts.has(table));
  if (failed.length === 0) return;
  const tables = [...new Set(failed.map(({ table }) => table))];
  const resumes = tables.map((table) => `conductor backfill --resume --table ${table}`);
  throw new CannotRun({
    what: failed
      .map(({ table, message }) => `the copy of table ${table} has failed: ${message ?? ''}`)
      .join('\n        '),
    where: 'cdc_backfills; all else was settled',
    fix: `mend it; then ${resumes.join(', ')}; then run this again`,
  });
}

/** The copies that have failed, and that no later one makes up for. */
export const failedCopies = (all: readonly Run[]): readonly Run[] =>
  all.filter(
    ({ status, table, condition }, index) =>
      status === 'failed' &&
      !all
        .slice(index + 1)
        .some(
          (later) =>
            later.table === table &&
            later.status !== 'cancelled' &&
            (later.condition === null || later.condition === condition),
        ),
  );
