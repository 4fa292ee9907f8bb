import { captureConfig, createDatabases } from './capture-config.ts';
import { liveCapture, prime } from './capture-process.ts';
import { rounded } from './figures.ts';
import { expectRows, growthOf, rateOf } from './growth.ts';
import { machineOf } from './machine.ts';
import { createOrders, loadAtOnce, ordersColumns, ordersTable } from './orders.ts';
import { type Outcome, peakMemory } from './report.ts';
import type { Site } from './site.ts';

const limit = { peak_rss_mb: 250 } as const;

/** One transaction of many rows while capture runs: its memory must not grow with it, and every row must come. */
export async function benchBigTransaction(
  site: Site,
  { rows }: { readonly rows: number },
): Promise<Outcome> {
  const url = await createDatabases(site);
  await createOrders(url);
  const table = { table: ordersTable, columns: ordersColumns(false), tenant: 'tenant_id' };
  const config = await captureConfig(site, 'big', [table]);
  await prime(site, config);
  const stop = new AbortController();
  await using capture = await liveCapture(site, config);
  try {
    const signal = AbortSignal.any([site.signal, stop.signal]);
    const growing = growthOf(site, config.topics, rows, { signal, patienceMs: 900_000 });
    growing.catch(() => {}); // Whoever waits for it is told.
    site.report(`load       ${rows} rows in one transaction`);
    await loadAtOnce(url, 1, rows);
    const committedMs = performance.now();
    site.report('capture    writes it to Kafka');
    const growth = await Promise.race([growing, capture.fell()]);
    const ended = await capture.stop('SIGTERM');
    await expectRows(site, config.topics, rows);
    const subject = rounded({
      rows_per_s: rateOf(growth),
      cpu_s: ended.cpuS,
      peak_rss_mb: ended.peakRssMb,
    });
    const seconds = (ms: number) => ((ms - committedMs) / 1_000).toFixed(1);
    return {
      report: {
        bench: 'big-transaction',
        machine: await machineOf(site),
        subject,
        limit,
        peers: {},
      },
      names: { subject: 'capture', limit: 'limit' },
      targets: [peakMemory(subject, limit.peak_rss_mb)],
      notes: [
        `${rows} rows in one transaction; rows/s from the first record that the broker had to the last.`,
        `The first was there ${seconds(growth.firstMs)} s after the commit had returned, the last ${seconds(growth.lastMs)} s after.`,
      ],
    };
  } finally {
    stop.abort();
  }
}
