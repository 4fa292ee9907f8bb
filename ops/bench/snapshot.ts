import { captureConfig, createDatabases } from './capture-config.ts';
import { emptied } from './emptied.ts';
import { machineOf } from './machine.ts';
import { createOrders, loadRows, ordersColumns, ordersTable, settleServer } from './orders.ts';
import { readAndThrowAway } from './reading.ts';
import type { Outcome } from './report.ts';
import type { Site } from './site.ts';

/** Capture's first copy of a table that has rows, held against the same table read by COPY and thrown away. */
export async function benchSnapshot(
  site: Site,
  { rows }: { readonly rows: number },
): Promise<Outcome> {
  const url = await createDatabases(site);
  await createOrders(url);
  site.report(`load       ${rows} rows`);
  await loadRows(url, 1, rows);
  await settleServer(url);
  const copy = () => readAndThrowAway(site, 'copy', { url, table: ordersTable, rows });
  site.report('copy       reads the table and throws it away');
  const cold = await copy();
  const limit = await copy();
  const table = { table: ordersTable, columns: ordersColumns(false), tenant: 'tenant_id' };
  site.report(
    'capture    copies it to Kafka, three times, for a broker compiles its code for a while',
  );
  const first = await emptied(site, await captureConfig(site, 'copied_first', [table]), rows);
  const second = await emptied(site, await captureConfig(site, 'copied_second', [table]), rows);
  const subject = await emptied(site, await captureConfig(site, 'copied', [table]), rows);
  return {
    report: {
      bench: 'snapshot',
      machine: await machineOf(site),
      subject,
      limit,
      peers: { copy_first: cold, capture_first: first, capture_second: second },
    },
    names: { subject: "capture's first copy", limit: 'COPY' },
    targets: [
      {
        what: 'capture to COPY',
        got: (subject.rows_per_s ?? 0) / (limit.rows_per_s ?? 1),
        wanted: 0.5,
        is: 'at least',
        unit: '×',
      },
    ],
    notes: [
      `${rows} rows of 10 columns, about 200 bytes a row.`,
      'Each is measured when the servers are warm: COPY for the second time, capture for the third.',
      'rows/s of capture: from the first record that the broker had to the last, looked at every 20 ms.',
    ],
  };
}
