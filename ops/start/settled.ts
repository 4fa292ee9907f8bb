import { setTimeout as wait } from 'node:timers/promises';
import databases, { sql } from '@databases/pg';
import type { Config } from '../../contracts/config.ts';
import type { TableContract } from '../../contracts/contract.ts';
import { parseLsn } from '../../schemas/lsn.ts';
import { type Lag, lagOf } from '../lag.ts';

/** Resolves once all that is committed by now is durable in Kafka, governed, and at rest in every sink. */
export async function untilSettled(
  config: Config,
  contracts: ReadonlyMap<string, TableContract>,
  { report, signal }: { readonly report: (lag: Lag) => void; readonly signal: AbortSignal },
): Promise<void> {
  const head = await headOf(config.source.url);
  for (;;) {
    const lag = await lagOf(config, contracts);
    report(lag);
    if (parseLsn(lag.capture.durable) >= head && lag.stages.every(isDone)) return;
    await wait(250, undefined, { signal });
  }
}

/** What is proved waits for its segment to end, what is published for its window, and both for what is committed next. */
const isDone = ({ pipeline, changes }: Lag['stages'][number]): boolean =>
  changes === 0 || ['prove', 'anonymise', 'noise'].includes(pipeline);

async function headOf(url: string): Promise<bigint> {
  const db = databases.default({ connectionString: url, poolSize: 1, bigIntMode: 'string' });
  try {
    const [row] = (await db.query(sql`SELECT pg_current_wal_flush_lsn()::text AS head`)) as [
      { head: string },
    ];
    return parseLsn(row.head);
  } finally {
    await db.dispose();
  }
}
