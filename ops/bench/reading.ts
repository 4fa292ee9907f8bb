import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { type Figures, rounded } from './figures.ts';
import { MeasuredProcess } from './measured-process.ts';
import type { Site } from './site.ts';

const answer = z.object({ rows: z.number(), ms: z.number() });

/** Runs one of `processes/` that reads rows and throws them away; rejects unless it read exactly `rows`. */
export async function readAndThrowAway(
  site: Site,
  program: 'drain' | 'copy',
  { rows, ...flags }: Flags & { readonly rows: number },
): Promise<Figures> {
  await using reader = readerOf(site, program, program === 'drain' ? { ...flags, rows } : flags);
  const ended = await reader.done();
  const read = answer.parse(JSON.parse(ended.said));
  if (read.rows !== rows)
    throw new CannotRun({
      what: `${program} read ${read.rows} rows of ${rows}`,
      where: `ops/bench/processes/${program}`,
      fix: 'see what else writes to this server; the logs are kept',
    });
  return rounded({
    rows_per_s: (read.rows / read.ms) * 1_000,
    wall_s: ended.wallS,
    cpu_s: ended.cpuS,
    machine_cpu_s: ended.machineCpuS,
    peak_rss_mb: ended.peakRssMb,
  });
}

type Flags = Readonly<Record<string, string | number>>;

/** Reads a slot and throws it away until it is stopped, or has read so many rows. */
export const drainProcess = (site: Site, flags: Flags): MeasuredProcess =>
  readerOf(site, 'drain', flags);

function readerOf(site: Site, program: 'drain' | 'copy', flags: Flags): MeasuredProcess {
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const command = {
    name: program,
    command: process.execPath,
    args: [processFile(program), ...args],
  };
  return new MeasuredProcess(site, site.aside?.launch(command) ?? command);
}

/** A program that runs as a process of its own: source in a checkout, compiled in a package. */
export const processFile = (
  name:
    | 'drain'
    | 'copy'
    | 'write'
    | 'pass'
    | 'plainly'
    | 'copy-in'
    | 'insert'
    | 'usage'
    | 'usage-plainly'
    | 'usage-post',
): string =>
  fileURLToPath(new URL(`./processes/${name}${extname(import.meta.filename)}`, import.meta.url));
