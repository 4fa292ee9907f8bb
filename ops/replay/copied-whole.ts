import { setTimeout as wait } from 'node:timers/promises';
import { CannotRun } from '../../contracts/cannot-run.ts';
import type { Config } from '../../contracts/config.ts';
import { changesTopic } from '../../contracts/topics.ts';
import type { Runs } from '../../pipelines/backfill/runs.ts';
import { committedBy, endsOf } from '../../pipelines/topic/admin.ts';
import type { KafkaOptions } from '../../pipelines/topic/kafka.ts';

const pollMs = 250;

/** Has capture copy a table, or finds the copy that it is at, and resolves once govern has released all of it. */
export async function copiedWhole(
  {
    runs,
    kafka,
    config,
  }: { readonly runs: Runs; readonly kafka: KafkaOptions; readonly config: Config },
  table: string,
  signal: AbortSignal,
): Promise<void> {
  const open = (await runs.all()).find(
    (run) =>
      run.table === table &&
      run.condition === null &&
      ['waiting', 'running', 'paused'].includes(run.status),
  );
  const id = open?.id ?? (await runs.request(table, null));
  for (;;) {
    const run = await runs.one(id);
    if (run?.status === 'done') break;
    if (!run || run.status === 'failed' || run.status === 'cancelled')
      throw new CannotRun({
        what: `the copy of ${table} ended without its rows: run ${id} is ${run?.status ?? 'gone'}`,
        where: 'cdc_backfills',
        fix: `see conductor backfill --status --table ${table}`,
      });
    await wait(pollMs, undefined, { signal });
  }
  const ends = await endsOf(kafka, [changesTopic(config.database, table)]);
  const group = `${config.database}.govern`;
  const isReleased = async () => {
    const committed = (await committedBy(kafka, [group])).get(group);
    return [...ends].every(([lane, end]) => end === 0n || (committed?.get(lane) ?? 0n) >= end);
  };
  while (!(await isReleased())) await wait(pollMs, undefined, { signal });
}
