import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Verified } from '../../pipelines/delivered/verified.ts';
import type { SinkName } from '../worker/sink-names.ts';
import { contests, governed } from './deliver.ts';
import { delivered, plainly } from './deliver-run.ts';
import { rounded } from './figures.ts';
import { machineOf } from './machine.ts';
import { MeasuredProcess } from './measured-process.ts';
import type { Outcome } from './report.ts';
import { serversCpuS } from './servers-cpu.ts';
import type { Site } from './site.ts';

const cli = fileURLToPath(new URL(`../cli${extname(import.meta.filename)}`, import.meta.url));

/** In how many seconds a million rows are to be verified. */
const wantedSeconds: Readonly<Record<SinkName, number>> = {
  postgres: 10,
  clickhouse: 10,
  neo4j: 60,
};

/** What rests in a sink held against its topic, by a process of its own; beside it, the topic only read. */
export async function benchVerifyDelivery(
  site: Site,
  { sink, rows }: { readonly sink: SinkName; readonly rows: number },
): Promise<Outcome> {
  const { report } = site;
  const run = await governed(site, contests[sink], rows);
  report(`deliver    writes the topic to ${sink}`);
  await delivered(run, sink, () => Promise.resolve(run.committed));
  report('read       reads the topic as deliver does, and throws it away');
  const read = await plainly(run, 'read');
  report(`verify     holds what rests in ${sink} against the topic`);
  const args = [cli, 'verify', 'delivery', '--sink', sink, '--config', run.config.file, '--json'];
  const before = await serversCpuS(site);
  await using verifying = new MeasuredProcess(site, {
    name: 'verify',
    command: process.execPath,
    args,
    env: { CONDUCTOR_HOME: site.home },
  });
  const { wallS, cpuS, machineCpuS, peakRssMb, said } = await verifying.done();
  const { tables } = JSON.parse(said) as { readonly tables: readonly [Verified] };
  const { rows: resting, seconds } = tables[0];
  const subject = rounded({
    rows_per_s: resting / wallS,
    wall_s: wallS,
    cpu_s: cpuS,
    servers_cpu_s: (await serversCpuS(site)) - before,
    machine_cpu_s: machineCpuS,
    peak_rss_mb: peakRssMb,
  });
  return {
    report: {
      bench: 'verify-delivery',
      machine: await machineOf(site),
      subject,
      limit: read,
      peers: {},
    },
    names: { subject: `verify delivery --sink ${sink}`, limit: 'read' },
    targets: [
      {
        what: `${run.committed.rows} rows in ${sink} verified`,
        got: wallS,
        wanted: (wantedSeconds[sink] * run.committed.rows) / 1_000_000,
        is: 'at most',
        unit: 's',
      },
    ],
    notes: [
      `${rows} governed changes, two thirds inserts, one third updates, 10 columns; all of them read from the topic's beginning.`,
      `Whole seconds of a process, its start included; ${seconds} of them verifying. Everything was equal, or this would have failed.`,
    ],
  };
}
