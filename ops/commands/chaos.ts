import type { Command } from 'commander';
import { loadConfig } from '../../contracts/config.ts';
import { killWorkers, printKilled, survived } from '../chaos/kill.ts';
import { createDemoDatabase } from '../demo/database.ts';
import { nativeStack } from '../stack/native.ts';
import { embeddedConfig, forgetWiped } from '../start/embedded-config.ts';
import { pipelinesNamed } from '../worker/pipelines.ts';
import { readContracts } from '../worker/setting.ts';
import { home } from './config-file.ts';
import { positive } from './numbers.ts';
import { UsageError } from './usage-error.ts';

interface ChaosFlags {
  readonly seed: number;
  readonly kills: number;
  readonly rate: number;
  readonly worker: string;
  readonly json?: boolean;
}

/** Adds `conductor chaos`. */
export function chaosCommands(program: Command): void {
  program
    .command('chaos')
    .summary('kill workers under load, and see whether anything is lost')
    .description(
      'On the embedded stack: kill -9 of workers at random moments under live traffic, each started again; then drains, and compares source and sinks row by row. Exits 1 if anything differs.',
    )
    .option('--seed <n>', 'who is killed, and when', positive, 1 + (Date.now() % 1_000_000))
    .option('--kills <n>', 'how many workers to kill', positive, 10)
    .option('--rate <n>', 'changes a minute of the traffic', positive, 60_000)
    .option(
      '--worker <pipeline>',
      'kill only this one: capture, govern, prove, deliver or one of it',
      'all',
    )
    .option('--json', 'one JSON object at the end, and nothing else on stdout')
    .addHelpText('after', '\nExample:\n  npm run chaos -- --seed 7 --worker govern')
    .action(chaos);
}

async function chaos({ seed, kills, rate, worker, json = false }: ChaosFlags): Promise<void> {
  const out = json ? process.stderr : process.stdout;
  const print = (line: string) => void out.write(`${line}\n`);
  const place = home();
  await forgetWiped(place);
  const stack = await nativeStack(place).up(print);
  const shopUrl = await createDemoDatabase(stack.postgres);
  const configFile = await embeddedConfig(place, stack);
  const config = await loadConfig(configFile);
  const contracts = await readContracts(config);
  const victims = pipelinesNamed(worker, config, contracts.values());
  if (!victims)
    throw new UsageError(
      `there is no worker ${worker}: say capture, govern, prove, deliver, one of deliver's, or all`,
    );
  print(`seed       ${seed}: conductor chaos --seed ${seed} --kills ${kills} --worker ${worker}`);
  const scene = { home: place, configFile, config, contracts, shopUrl };
  const killing = { seed, kills, changesPerMinute: rate, victims };
  const killed = await killWorkers(scene, killing, print);
  printKilled(killed, print);
  if (json) process.stdout.write(`${JSON.stringify({ seed, ...killed })}\n`);
  if (!survived(killed)) process.exitCode = 1;
}
