import { setTimeout as wait } from 'node:timers/promises';
import { captureConfig, createDatabases } from './capture-config.ts';
import { prime, workerProcess } from './capture-process.ts';
import { rounded } from './figures.ts';
import { recordsIn } from './growth.ts';
import { machineOf } from './machine.ts';
import { createOrders, loadBacklog, loadRows, ordersColumns, ordersTable } from './orders.ts';
import { passedOn } from './passed-on.ts';
import { type Outcome, peakMemory, speed } from './report.ts';
import type { Site } from './site.ts';

/**
 * A topic of captured changes, and how fast one worker of anonymise takes it in: rows of 1,000 subjects with two
 * quasi-identifiers, in windows of a second. Beside it, the same records are carried on as they are.
 */
export async function benchAnonymise(
  site: Site,
  { rows }: { readonly rows: number },
): Promise<Outcome> {
  const { report } = site;
  const url = await createDatabases(site);
  await createOrders(url);
  const config = await anonymousConfig(site);
  await prime(site, config);
  report(`load       ${rows} changes, captured`);
  await loadBacklog(url, rows);
  await wait(1_100);
  await loadRows(url, rows + 1, rows + 1); // Their windows end.
  await prime(site, config);

  report('pass       carries them from topic to topic');
  const limit = await passedOn(site, config, rows + 1, 1);
  report('anonymise  decides windows, and tells what may be told');
  await using working = workerProcess(site, config, 'anonymise', { untilCurrent: true });
  const { wallS, cpuS, machineCpuS, peakRssMb } = await working.done();
  const told = await recordsIn(
    site,
    config.topics.map(({ topic, partitions }) => ({
      topic: topic.replace(/^cdc\./, 'anon.'),
      partitions,
    })),
  );
  const subject = rounded({
    rows_per_s: rows / wallS,
    wall_s: wallS,
    cpu_s: cpuS,
    machine_cpu_s: machineCpuS,
    peak_rss_mb: peakRssMb,
  });
  return {
    report: { bench: 'anonymise', machine: await machineOf(site), subject, limit, peers: {} },
    names: { subject: 'anonymise', limit: 'pass' },
    targets: [speed('anonymise', subject, 50_000), peakMemory(subject, 350)],
    notes: [
      `${rows} changes of 10 columns, 1,000 subjects of 50 tenants; ${told} records were told.`,
      'rows/s of anonymise: over the whole life of the process, its start included; pass carries the same records from topic to topic.',
    ],
  };
}

/** A capture of the table, and a dataset of it. */
function anonymousConfig(site: Site) {
  const columns = {
    ...ordersColumns(true),
    city: {
      type: 'text',
      hierarchy: { tree: { north: ['Oslo'], south: ['Rome', 'Lima', 'Cairo'] } },
    },
    age_band: {
      type: 'text',
      hierarchy: { tree: { young: ['18-25', '26-35'], old: ['36-50'] } },
    },
  };
  const anon = {
    quasi_identifiers: ['city', 'age_band'],
    attributes: ['status', 'amount'],
    window: 1,
  };
  return captureConfig(site, 'anonymised', [
    { table: ordersTable, columns, tenant: 'tenant_id', subject: 'customer_id', anon },
  ]);
}
