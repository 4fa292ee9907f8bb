import { type Command, Option } from 'commander';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '../../contracts/config.ts';
import { recoveries, type Recovery } from '../../contracts/source-settings.ts';
import { refuseFailedCopies } from '../backfill/failed-copies.ts';
import { log } from '../log.ts';
import { apart, type Part } from '../worker/apart.ts';
import { Metrics } from '../worker/counters.ts';
import { serveHealth } from '../worker/health.ts';
import { type PipelineName, pipelinesNamed } from '../worker/pipelines.ts';
import { runPipeline } from '../worker/run-pipeline.ts';
import { readContracts, settingOf } from '../worker/setting.ts';
import { stepBack } from '../worker/step-back.ts';
import { leave, stopping } from '../worker/stopping.ts';
import { configFile, configOption, home } from './config-file.ts';
import { UsageError } from './usage-error.ts';

interface RunFlags {
  readonly config?: string | readonly string[];
  readonly untilCurrent?: boolean;
  readonly recover?: Recovery;
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
      'capture, govern, anonymise, noise, prove, verify, transactions, meter, deliver-postgres, deliver-neo4j, deliver-clickhouse, deliver or all',
    )
    .addOption(configOption('--config <file...>'))
    .option('--until-current', 'drain up to where the logs end now, settle everything, and exit')
    .addOption(
      new Option(
        '--recover <how>',
        'where the slot cannot go on: stop, copy all tables anew, or fetch what differs (default: source.recover)',
      ).choices(recoveries),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  conductor run capture govern --config conductor.yaml\n  conductor run capture --config shop.yaml crm.yaml    several databases, or slots of one, in one process',
    )
    .action((names: readonly string[], flags: RunFlags) => run(names, flags).finally(leave));
}

/** One pipeline of one configuration. */
interface Task {
  readonly path: string;
  readonly pipeline: PipelineName;
  readonly name: string; // In metrics and logs.
}

async function run(names: readonly string[], { config, untilCurrent = false, recover }: RunFlags) {
  const tasks = await tasksOf(names, typeof config === 'string' ? [config] : config);
  const metrics = new Metrics();
  const { worker } = await loadConfig(tasks[0]?.path ?? '');
  if (tasks.some(({ pipeline }) => pipeline === 'capture')) stepBack(worker.niceness);
  await using health = await serveHealth(metrics, worker);
  const pipelines = tasks.map(({ name }) => name);
  await announce(pipelines, health.url);
  const signal = stopping();
  log.info({ pipelines, health: health.url }, 'started');

  const runOne: RunOne = async ({ path, pipeline, name }, stop) => {
    const counters = metrics.of(name);
    const setting = await settingOf(path, pipeline, { counters, untilCurrent, recover });
    await using _ = setting.keyring;
    await runPipeline(pipeline, setting, stop);
  };
  const drained: Drained = async (path) => {
    if (!untilCurrent || signal.aborted) return;
    const own = await loadConfig(path);
    await refuseFailedCopies(own, await readContracts(own));
  };
  await apart(partsOf(tasks, runOne, drained), signal);
  log.info({ pipelines, settled: metrics.states().map(({ settled }) => settled) }, 'done');
}

type RunOne = (task: Task, signal: AbortSignal) => Promise<void>;

/** Told once the capture of a configuration has ended, and all beside it. */
type Drained = (path: string) => Promise<void>;

/** The pipelines of a configuration belong together: the first that fails stops them, and is what is thrown. */
function partsOf(tasks: readonly Task[], runOne: RunOne, drained: Drained): readonly Part[] {
  const parts = Map.groupBy(tasks, ({ path }) => path);
  return [...parts].map(([path, own]) => ({
    pipelines: own.map(({ name }) => name),
    async run(signal) {
      const failed = new AbortController();
      const either = AbortSignal.any([signal, failed.signal]);
      const running = own.map((task) =>
        runOne(task, either).catch((error: unknown) => failed.abort(error)),
      );
      await Promise.all(running);
      failed.signal.throwIfAborted();
      if (own.some(({ pipeline }) => pipeline === 'capture')) await drained(path);
    },
  }));
}

/** Every pipeline that was named, of every configuration; of several, each bears its slot's name too. */
async function tasksOf(
  names: readonly string[],
  files: readonly string[] | undefined,
): Promise<readonly Task[]> {
  const paths = files ?? [await configFile(undefined)];
  const tasks: Task[] = [];
  for (const path of paths) {
    const config = await loadConfig(path);
    const contracts = await readContracts(config);
    const pipelines = new Set(
      names.flatMap((name) => pipelinesNamed(name, config, contracts.values()) ?? unknown(name)),
    );
    for (const pipeline of pipelines) {
      const name =
        paths.length > 1 ? `${pipeline}@${config.database}.${config.source.slot}` : pipeline;
      if (tasks.some((task) => task.name === name))
        throw new UsageError(`two configurations read the same slot, ${name}: give each its own`);
      tasks.push({ path, pipeline, name });
    }
  }
  return tasks;
}

function unknown(name: string): never {
  throw new UsageError(
    `there is no pipeline ${name}: say capture, govern, anonymise, noise, prove, verify, transactions, meter, deliver-postgres, deliver-neo4j, deliver-clickhouse, deliver or all`,
  );
}

/** Leaves a note for `conductor status` and the console: which worker answers where. */
async function announce(pipelines: readonly string[], url: string): Promise<void> {
  const folder = join(home(), 'workers');
  await mkdir(folder, { recursive: true });
  const note = { pid: process.pid, pipelines, url };
  await writeFile(join(folder, `${pipelines.join('+')}.json`), `${JSON.stringify(note)}\n`);
}
