import { captureConfig, createDatabases } from './capture-config.ts';
import { prime } from './capture-process.ts';
import { emptied } from './emptied.ts';
import { machineOf } from './machine.ts';
import { createOrders, loadBacklog, ordersColumns, ordersTable } from './orders.ts';
import { passedOn } from './passed-on.ts';
import { type Outcome, peakMemory, speed } from './report.ts';
import type { Site } from './site.ts';

/**
 * A topic of captured changes, and how fast one worker of govern empties it: each row's box is opened, two of its
 * columns become tokens. Beside it, the same records are carried on as they are.
 */
export async function benchGovern(
  site: Site,
  { rows }: { readonly rows: number },
): Promise<Outcome> {
  const { report } = site;
  const url = await createDatabases(site);
  await createOrders(url);
  const sealed = ordersColumns(true);
  const columns = {
    ...sealed,
    email: { ...sealed['email'], type: 'text', rule: 'tokenise' as const },
    customer_id: { ...sealed['customer_id'], type: 'bigint', rule: 'tokenise' as const },
  };
  const config = await captureConfig(site, 'governed', [
    { table: ordersTable, columns, tenant: 'tenant_id', subject: 'customer_id' },
  ]);
  await prime(site, config);
  report(`load       ${rows} changes, captured`);
  await loadBacklog(url, rows);
  await prime(site, config);

  report('pass       carries them from topic to topic');
  const limit = await passedOn(site, config, rows, 1);
  report('govern     opens, redacts and makes tokens');
  const subject = await emptied(site, config, rows, 'govern');
  const again = await passedOn(site, config, rows, 2);
  const faster = (limit.rows_per_s ?? 0) > (again.rows_per_s ?? 0) ? limit : again;

  return {
    report: {
      bench: 'govern',
      machine: await machineOf(site),
      subject,
      limit: faster,
      peers: {},
    },
    names: { subject: 'govern', limit: 'pass' },
    targets: [speed('govern', subject, 80_000), peakMemory(subject, 350)],
    notes: [
      `${rows} changes of 10 columns: a sealed box opened and two tokens made of each; 1,000 subjects of 50 tenants.`,
      'rows/s: from the first record that the broker had to the last, looked at every 20 ms.',
      'pass carries the same records from topic to topic over the same ends, and is the faster of two.',
    ],
  };
}
