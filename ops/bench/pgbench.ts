import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { sourceDatabase } from './capture-config.ts';
import type { Site } from './site.ts';

const run = promisify(execFile);

export const pgbenchClients = 4;
const threads = 2;

/** What one run of pgbench did; the latencies are from when a transaction was due, where there is a rate. */
export interface Load {
  readonly transactions: number;
  readonly perSecond: number;
  readonly latenciesMs: readonly number[];
}

/** Rejects, with the package that has it, if there is no pgbench. */
export async function requirePgbench(): Promise<void> {
  await run('pgbench', ['--version']).catch((cause: unknown) => {
    throw new CannotRun(
      {
        what: 'pgbench was not found, and source-impact is measured with it',
        where: 'PATH',
        fix: 'apt-get install postgresql-contrib, or put the bin folder of a PostgreSQL on the path',
      },
      { cause },
    );
  });
}

/** Creates and fills pgbench's tables. */
export async function fillPgbench(site: Site, scale: number): Promise<void> {
  await pgbench(site, ['--initialize', '--quiet', `--scale=${scale}`]);
}

/** Runs its own mix of transactions, at a rate or as fast as they go. */
export async function loadByPgbench(
  site: Site,
  { seconds, rate }: { readonly seconds: number; readonly rate: number | null },
): Promise<Load> {
  const folder = join(site.home, 'pgbench');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  const said = await pgbench(site, [
    '--no-vacuum',
    '--protocol=prepared',
    `--client=${pgbenchClients}`,
    `--jobs=${threads}`,
    `--time=${seconds}`,
    '--log',
    `--log-prefix=${join(folder, 'log')}`,
    ...(rate === null ? [] : [`--rate=${rate}`]),
  ]);
  const files = await readdir(folder);
  const logs = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
  return {
    transactions: numberIn(said, /number of transactions actually processed: (\d+)/),
    perSecond: numberIn(said, /tps = ([\d.]+) \(/),
    latenciesMs: logs.flatMap(latenciesIn),
  };
}

/** The latencies of a log of pgbench, where each line is `client transaction time script …`, the time in µs. */
export const latenciesIn = (log: string): readonly number[] =>
  log
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Number(line.split(' ')[2]) / 1_000);

function numberIn(said: string, pattern: RegExp): number {
  const found = Number(pattern.exec(said)?.[1] ?? NaN);
  if (Number.isNaN(found)) throw new Error(`pgbench did not say ${pattern.source}: ${said}`);
  return found;
}

async function pgbench({ stack, signal }: Site, args: readonly string[]): Promise<string> {
  const { host, port, user, password } = stack.postgres;
  const where = [`--host=${host}`, `--port=${port}`, `--username=${user}`, sourceDatabase];
  const { stdout } = await run('pgbench', [...args, ...where], {
    signal,
    env: { ...process.env, PGPASSWORD: password },
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}
