import type { SinkName } from '../worker/sink-names.ts';
import { captureConfig, createDatabases } from './capture-config.ts';
import { prime } from './capture-process.ts';
import { clickhouseContest } from './deliver-clickhouse.ts';
import type { Contest } from './deliver-contest.ts';
import { neo4jContest } from './deliver-neo4j.ts';
import { postgresContest } from './deliver-postgres.ts';
import { countedIn, plainly, type Run } from './deliver-run.ts';
import { emptied } from './emptied.ts';
import type { Figures } from './figures.ts';
import { machineOf } from './machine.ts';
import { createOrders, loadBacklog, ordersColumns, ordersTable } from './orders.ts';
import { type Outcome, peakMemory } from './report.ts';
import type { Site } from './site.ts';

/** What each sink is held against. */
export const contests: Readonly<Record<SinkName, Contest>> = {
  postgres: postgresContest,
  neo4j: neo4jContest,
  clickhouse: clickhouseContest,
};

/**
 * A governed topic, and how fast one worker of deliver brings it to rest in a sink; beside it, what somebody would
 * write by hand instead, and how fast rows could be written at most.
 */
export async function benchDeliver(
  site: Site,
  { sink, rows }: { readonly sink: SinkName; readonly rows: number },
): Promise<Outcome> {
  const { report } = site;
  const contest = contests[sink];
  const run = await governed(site, contest, rows);
  report('read       reads the topic as deliver does, and throws it away');
  const read = await plainly(run, 'read');
  const { subject, limit, peers, targets, notes, limitName } = await contest.contend(run, read);
  return {
    report: { bench: 'deliver', machine: await machineOf(site), subject, limit, peers },
    names: { subject: `deliver-${sink}`, limit: limitName },
    targets: [...targets, peakMemory(subject, 350)],
    notes: [
      `${rows} governed changes, two thirds inserts, one third updates, 10 columns, about 200 bytes a row.`,
      'rows/s: over the whole life of each process, its start included. read reads the topic as deliver does, and throws it away.',
      ...notes,
      `${costs(subject, rows)} All that was committed was counted where it came to rest.`,
    ],
  };
}

/** A topic of what was loaded, captured and governed. */
export async function governed(site: Site, contest: Contest, rows: number): Promise<Run> {
  const { report } = site;
  const url = await createDatabases(site, contest.databases);
  await createOrders(url);
  const table = {
    table: ordersTable,
    columns: ordersColumns(false),
    tenant: 'tenant_id',
    graph: { label: 'Order' },
  };
  const config = await captureConfig(site, 'delivered', [table], { sinks: contest.sinks(site) });
  await prime(site, config);
  report(`load       ${rows} changes, captured and governed`);
  await loadBacklog(url, rows);
  await prime(site, config);
  await emptied(site, config, rows, 'govern');
  return { site, config, rows, committed: await countedIn(url) };
}

/** How long a change takes whose processor. */
export function costs({ cpu_s = 0, servers_cpu_s = 0 }: Figures, rows: number): string {
  const micros = (seconds: number) => ((seconds / rows) * 1e6).toFixed(1);
  return `CPU of a change: ${micros(cpu_s)} µs in the worker, ${micros(servers_cpu_s)} µs in the servers.`;
}
