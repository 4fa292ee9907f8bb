import type { Command } from 'commander';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '../../contracts/config.ts';
import { log } from '../log.ts';
import { Metrics } from '../worker/counters.ts';
import { serveHealth } from '../worker/health.ts';
import { keepRunning } from '../worker/keep-running.ts';
import { openPipeline, type PipelineName, pipelinesNamed } from '../worker/pipelines.ts';
import { settingOf } from '../worker/setting.ts';
import { stopping } from '../worker/stopping.ts';
import { configFile, configOption, home } from './config-file.ts';
import { UsageError } from './usage-error.ts';

interface RunFlags {
  readonly config?: string;
  readonly untilCurrent?: boolean;
}

/** Adds `conductor run`. */
export function runCommands(program: Command): void {
  program
    .command('run')
    .summary('run pipelines as one worker')
    .description(
      'Runs pipelines until told to stop. SIGTERM drains and confirms within 10 s; a second one stops at once.',
    )
    .argument(
      '<pipeline...>',
      'capture, govern, deliver-postgres, deliver-neo4j, deliver-clickhouse, deliver or all',
    )
    .addOption(configOption())
    .option('--until-current', 'drain up to where the logs end now, settle everything, and exit')
    .addHelpText('after', '\nExample:\n  conductor run capture govern --config conductor.yaml')
    .action((names: readonly string[], flags: RunFlags) => run(names, flags));
}

async function run(names: readonly string[], { config: file, untilCurrent = false }: RunFlags) {
  const path = await configFile(file);
  const config = await loadConfig(path);
  const pipelines = [
    ...new Set(names.flatMap((name) => pipelinesNamed(name, config) ?? unknown(name))),
  ];
  const metrics = new Metrics();
  await using health = await serveHealth(metrics, config.worker);
  await announce(pipelines, health.url);
  const signal = stopping();
  log.info({ pipelines, health: health.url }, 'started');

  const failed = new AbortController();
  const runOne = async (pipeline: PipelineName) => {
    const counters = metrics.of(pipeline);
    const setting = await settingOf(path, pipeline, { counters, untilCurrent });
    await using _ = setting.keyring;
    await keepRunning(
      () => openPipeline(pipeline, setting),
      counters,
      AbortSignal.any([signal, failed.signal]),
    );
  };
  try {
    await Promise.all(pipelines.map(runOne));
  } catch (error) {
    failed.abort();
    throw error;
  }
  log.info({ pipelines, settled: metrics.states().map(({ settled }) => settled) }, 'done');
}

function unknown(name: string): never {
  throw new UsageError(
    `there is no pipeline ${name}: say capture, govern, deliver-postgres, deliver-neo4j, deliver-clickhouse, deliver or all`,
  );
}

/** Leaves a note for `conductor status` and the console: which worker answers where. */
async function announce(pipelines: readonly string[], url: string): Promise<void> {
  const folder = join(home(), 'workers');
  await mkdir(folder, { recursive: true });
  const note = { pid: process.pid, pipelines, url };
  await writeFile(join(folder, `${pipelines.join('+')}.json`), `${JSON.stringify(note)}\n`);
}
