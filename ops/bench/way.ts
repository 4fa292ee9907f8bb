import { setTimeout as wait } from 'node:timers/promises';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { loadConfig } from '../../contracts/config.ts';
import { committedBy, endsOf } from '../../pipelines/topic/admin.ts';
import { kafkaOptions } from '../../pipelines/topic/kafka.ts';
import { type CaptureConfig, captureConfig, createDatabases } from './capture-config.ts';
import { prime, workerProcess } from './capture-process.ts';
import { countedAt } from './deliver-clickhouse.ts';
import { countedIn, expectRested } from './deliver-run.ts';
import { type Figures, rounded } from './figures.ts';
import { machineOf } from './machine.ts';
import type { MeasuredProcess } from './measured-process.ts';
import { createOrders, loadBacklog, ordersColumns, ordersTable, settleServer } from './orders.ts';
import { readAndThrowAway } from './reading.ts';
import { type Outcome, speed, type Target } from './report.ts';
import { serverPartsCpuS } from './servers-cpu.ts';
import type { Site } from './site.ts';
import { copySlot, untilIdle } from './slots.ts';

const workers = ['capture', 'govern', 'deliver-postgres', 'deliver-clickhouse'] as const;
type Worker = (typeof workers)[number];

const drained = 'slot_drained';
const lookEveryMs = 250;
const patienceMs = 180_000; // Without any progress.
const mostMb = 350;

/**
 * A backlog in a slot, and how soon all of it rests in the mirror and in the warehouse, with every worker of the way
 * running at once. Beside it, the slot read and thrown away; and whose processor it took, servers included.
 */
export async function benchWay(site: Site, { rows }: { readonly rows: number }): Promise<Outcome> {
  const { report } = site;
  const { config, url } = await waiting(site, rows);
  report('drain      reads the slot and throws it away');
  await untilIdle(config, drained);
  const { publication } = config;
  const limit = await readAndThrowAway(site, 'drain', { url, publication, slot: drained, rows });
  report('way        capture, govern, deliver to postgres and to clickhouse, all at once');
  const { subject, parts } = await theWay(site, config, rows);
  const committed = await countedIn(url);
  expectRested('the mirror', await countedIn(site.postgresUrl('mirror')), committed);
  expectRested('the warehouse', await countedAt(site), committed);
  return {
    report: { bench: 'way', machine: await machineOf(site), subject, limit, peers: parts },
    names: { subject: 'way', limit: 'drain' },
    targets: [speed('way', subject, 30_000), ...workers.map((worker) => memoryOf(worker, parts))],
    notes: [
      `${rows} changes, two thirds inserts, one third updates, 10 columns, about 200 bytes a row.`,
      'rows/s of the way: from the start of its workers until both sinks have confirmed every change. postgres is the source, the mirror and where Conductor keeps its own.',
      `CPU of a change, in µs: ${sharesOf(parts, rows)}. All that was committed was counted in both sinks.`,
    ],
  };
}

/** A configuration of the way, and the changes that wait for it in its slot, and in another one. */
async function waiting(site: Site, rows: number) {
  const url = await createDatabases(site, ['mirror']);
  await createOrders(url);
  const table = { table: ordersTable, columns: ordersColumns(false), tenant: 'tenant_id' };
  const { clickhouse } = site.stack;
  const sinks = {
    postgres: { url: site.postgresUrl('mirror') },
    clickhouse: { ...clickhouse, database: 'governed' },
  };
  const config = await captureConfig(site, 'way', [table], { sinks });
  await prime(site, config);
  await copySlot(config, drained);
  site.report(`load       ${rows} changes`);
  await loadBacklog(url, rows);
  await settleServer(url);
  return { config, url };
}

/** What it took until both sinks had confirmed all of it, of whom. */
async function theWay(site: Site, config: CaptureConfig, rows: number) {
  const before = await serverPartsCpuS(site);
  const begun = performance.now();
  const running = new Map<Worker, MeasuredProcess>();
  try {
    for (const worker of workers)
      running.set(worker, workerProcess(site, config, worker, { untilCurrent: false }));
    const fell = [...running.values()].map((process) => process.fell());
    await Promise.race([untilConfirmed(site, config, rows), ...fell]);
    const wallS = (performance.now() - begun) / 1_000;
    const after = await serverPartsCpuS(site);
    const parts: Record<string, Figures> = {};
    for (const [worker, process] of running) {
      const { cpuS, peakRssMb } = await process.stop('SIGTERM');
      parts[worker] = rounded({ cpu_s: cpuS, peak_rss_mb: peakRssMb });
    }
    for (const [server, cpuS] of Object.entries(after))
      parts[server] = rounded({ cpu_s: cpuS - (before[server] ?? 0) });
    const cpu = Object.values(parts).reduce((sum, { cpu_s = 0 }) => sum + cpu_s, 0);
    return { subject: rounded({ rows_per_s: rows / wallS, wall_s: wallS, cpu_s: cpu }), parts };
  } finally {
    for (const process of running.values()) await process.stop('SIGKILL');
  }
}

/** Resolves once both groups have committed all that was governed, and that is `rows`. */
async function untilConfirmed(site: Site, config: CaptureConfig, rows: number): Promise<void> {
  const kafka = kafkaOptions(await loadConfig(config.file), 'bench-way');
  const groups = workers
    .filter((worker) => worker.startsWith('deliver'))
    .map((worker) => `${config.name}.${worker}`);
  const topics = config.governed.map(({ topic }) => topic);
  const of = (offsets: ReadonlyMap<string, bigint> | undefined) =>
    [...(offsets ?? [])].reduce((sum, [, offset]) => sum + Math.max(0, Number(offset)), 0);
  let seen = -1;
  let movedMs = performance.now();
  for (;;) {
    const governed = await endsOf(kafka, topics).then(of, () => 0); // It is not there at first.
    const committed = await committedBy(kafka, groups).catch(() => new Map());
    const least = Math.min(...groups.map((group) => of(committed.get(group))));
    if (governed === rows && least === rows) return;
    if (least !== seen) movedMs = performance.now();
    seen = least;
    if (performance.now() - movedMs > patienceMs)
      throw new CannotRun({
        what: `nothing was confirmed for ${patienceMs / 1_000} s, at ${least} of ${rows} changes`,
        where: groups.join(', '),
        fix: "look at the workers' logs, which are kept",
      });
    await wait(lookEveryMs, undefined, { signal: site.signal });
  }
}

const memoryOf = (worker: Worker, parts: Readonly<Record<string, Figures>>): Target => ({
  what: `peak memory of ${worker}`,
  got: parts[worker]?.peak_rss_mb ?? Infinity,
  wanted: mostMb,
  is: 'at most',
  unit: 'MB',
});

/** Whose processor a change took for how long, the largest first. */
export function sharesOf(parts: Readonly<Record<string, Figures>>, rows: number): string {
  return Object.entries(parts)
    .map(([name, { cpu_s = 0 }]) => ({ name, micros: (cpu_s / rows) * 1e6 }))
    .sort((a, b) => b.micros - a.micros)
    .map(({ name, micros }) => `${name} ${micros.toFixed(1)}`)
    .join(', ');
}
