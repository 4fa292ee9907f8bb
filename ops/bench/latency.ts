import { sql } from '@databases/pg';
import { z } from 'zod';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { readArrivals } from './arrivals.ts';
import { captureConfig, createDatabases } from './capture-config.ts';
import { liveCapture, prime } from './capture-process.ts';
import { withDatabase } from './database.ts';
import { rounded } from './figures.ts';
import { machineOf } from './machine.ts';
import { MeasuredProcess } from './measured-process.ts';
import { createOrders, ordersColumns, ordersTable } from './orders.ts';
import { spread } from './percentile.ts';
import { processFile } from './reading.ts';
import type { Outcome } from './report.ts';
import type { Site } from './site.ts';

export interface LatencyBench {
  readonly rate: number; // Rows a second.
  readonly seconds: number;
}

const batch = 10;
const warmSeconds = 5; // At the same pace, and not counted.
const limit = { p50_ms: 15, p99_ms: 100 } as const;

/** What the server needs besides: it notes when each transaction was committed. */
export const latencySettings = { track_commit_timestamp: 'on' } as const;

const written = z.object({
  rows: z.number(),
  ms: z.number(),
  commit: z.object({
    p50_ms: z.number(),
    p95_ms: z.number(),
    p99_ms: z.number(),
    max_ms: z.number(),
  }),
});

/**
 * How long after its commit a row can be read from Kafka, under an even load. The commit is the
 * server's own time of it, before its WAL was flushed, and the reader is one more client: both make
 * it longer than from commit to acknowledgement, never shorter.
 */
export async function benchLatency(site: Site, { rate, seconds }: LatencyBench): Promise<Outcome> {
  const rows = Math.ceil((rate * (warmSeconds + seconds)) / batch) * batch;
  const url = await createDatabases(site);
  await createOrders(url);
  const table = { table: ordersTable, columns: ordersColumns(false), tenant: 'tenant_id' };
  const config = await captureConfig(site, 'live', [table]);
  await prime(site, config);
  await using capture = await liveCapture(site, config);
  await using arrivals = await readArrivals(site, config, rows);
  site.report(`load       ${rate} rows/s for ${warmSeconds} + ${seconds} s`);
  const writing = write(site, { url, rate, rows });
  const commits = await Promise.race([writing, capture.fell()]);
  const arrived = await Promise.race([arrivals.all(30_000), capture.fell()]);
  const ended = await capture.stop('SIGTERM');

  const committed = await commitTimes(url, rows);
  const counted = warmSeconds * rate;
  const subject = rounded({
    ...spread(arrived.subarray(counted).map((ms, n) => ms - (committed[counted + n] ?? NaN))),
    rows_per_s: (commits.rows / commits.ms) * 1_000,
    cpu_s: ended.cpuS,
    peak_rss_mb: ended.peakRssMb,
  });
  return {
    report: {
      bench: 'latency',
      machine: await machineOf(site),
      subject,
      limit,
      peers: { writer: rounded(commits.commit) },
    },
    names: { subject: 'capture, commit to Kafka', limit: 'limit' },
    targets: [
      {
        what: 'p50',
        got: subject.p50_ms ?? Infinity,
        wanted: limit.p50_ms,
        is: 'at most',
        unit: 'ms',
      },
      {
        what: 'p99',
        got: subject.p99_ms ?? Infinity,
        wanted: limit.p99_ms,
        is: 'at most',
        unit: 'ms',
      },
    ],
    notes: [
      `${batch} rows to a transaction, evenly paced; the first ${warmSeconds} s are not counted.`,
      'From the commit time that the server notes, before it flushes, to when a consumer here had read the record.',
      'writer: from when a transaction was due to when its COMMIT had returned.',
    ],
  };
}

async function write(
  site: Site,
  { url, rate, rows }: { readonly url: string; readonly rate: number; readonly rows: number },
) {
  const flags = { url, rate, rows, batch, connections: 4 };
  await using writer = new MeasuredProcess(site, {
    name: 'write',
    command: process.execPath,
    args: [
      processFile('write'),
      ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
    ],
  });
  const commits = written.parse(JSON.parse((await writer.done()).said));
  const reached = (commits.rows / commits.ms) * 1_000;
  if (reached < rate * 0.95)
    throw new CannotRun({
      what: `the writer committed ${Math.round(reached)} rows/s, not ${rate}: this would not be the latency at that rate`,
      where: '--rate',
      fix: 'let nothing else run on this machine, or take a lower rate',
    });
  return commits;
}

/** When each row was committed, in milliseconds of the server's clock, which is this machine's. */
async function commitTimes(url: string, rows: number): Promise<Float64Array> {
  const times = new Float64Array(rows);
  await withDatabase(url, async (db) => {
    const found = (await db.query(sql`
      SELECT id::int AS id, (extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000)::float8 AS ms
      FROM orders`)) as readonly { readonly id: number; readonly ms: number }[];
    for (const { id, ms } of found) times[id - 1] = ms;
  });
  return times;
}
