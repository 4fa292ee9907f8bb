import { sql } from '@databases/pg';
import { CannotRun } from '../../contracts/cannot-run.ts';
import type { SinkName } from '../worker/sink-names.ts';
import type { CaptureConfig } from './capture-config.ts';
import { workerProcess } from './capture-process.ts';
import { withDatabase } from './database.ts';
import { type Figures, rounded } from './figures.ts';
import { MeasuredProcess } from './measured-process.ts';
import { processFile } from './reading.ts';
import { serversCpuS } from './servers-cpu.ts';
import type { Site } from './site.ts';

/** A governed topic that waits, of so many changes, and what is to be there once all of them rest. */
export interface Run {
  readonly site: Site;
  readonly config: CaptureConfig;
  readonly rows: number;
  readonly committed: Rested;
}

/** What tells whether all inserts and all updates of orders came to rest: every update makes an order paid. */
export interface Rested {
  readonly rows: number;
  readonly paid: number;
}

/** What it took one worker to bring the topic to rest; rejects unless all of it rests there. */
export async function delivered(
  { site, config, rows, committed }: Run,
  sink: SinkName,
  rested: () => Promise<Rested>,
): Promise<Figures> {
  const figures = await wholeLife(site, rows, () =>
    workerProcess(site, config, `deliver-${sink}`, { untilCurrent: true }),
  );
  expectRested(sink, await rested(), committed);
  return figures;
}

type Program = Parameters<typeof processFile>[0];

/** What it took one of `processes/` to end, which wrote `rows`. */
export async function written(
  site: Site,
  {
    program,
    rows,
    flags,
  }: { program: Program; rows: number; flags: Readonly<Record<string, string>> },
): Promise<Figures> {
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const command = {
    name: program,
    command: process.execPath,
    args: [processFile(program), ...args],
  };
  return wholeLife(site, rows, () => new MeasuredProcess(site, command));
}

/** What it took to read the topic as deliver does, and to write it `way`. */
export function plainly(
  { site, config, rows }: Run,
  way: 'read' | 'upserts' | 'merge',
  flags: Readonly<Record<string, string>> = {},
): Promise<Figures> {
  const [from] = config.governed;
  if (!from) throw new TypeError('a capture without a table');
  return written(site, {
    program: 'plainly',
    rows,
    flags: { config: config.file, topic: from.topic, way, ...flags },
  });
}

/** Rejects unless there is what was committed: a figure of a run that lost rows is none. */
export function expectRested(where: string, { rows, paid }: Rested, committed: Rested): void {
  if (rows === committed.rows && paid === committed.paid) return;
  throw new CannotRun({
    what: `${rows} orders, ${paid} of them paid, came to rest of ${committed.rows}, ${committed.paid} of them paid`,
    where,
    fix: 'find out why before any figure is believed; the logs are kept',
  });
}

/** The orders of a database, as they are counted everywhere. */
export const countedIn = (url: string): Promise<Rested> =>
  withDatabase(url, async (db) => {
    const [counted] = (await db.query(sql`
      SELECT count(*)::int AS rows, (count(*) FILTER (WHERE status = 'paid'))::int AS paid
      FROM orders`)) as [Rested];
    return counted;
  });

/** What it took a process to end, which moved `rows`. */
export async function wholeLife(
  site: Site,
  rows: number,
  start: () => MeasuredProcess,
): Promise<Figures> {
  const before = await serversCpuS(site);
  await using working = start();
  const { wallS, cpuS, machineCpuS, peakRssMb } = await working.done();
  return rounded({
    rows_per_s: rows / wallS,
    wall_s: wallS,
    cpu_s: cpuS,
    servers_cpu_s: (await serversCpuS(site)) - before,
    machine_cpu_s: machineCpuS,
    peak_rss_mb: peakRssMb,
  });
}
