import type { Command } from 'commander';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { type Config, loadConfig } from '../../contracts/config.ts';
import { registryAt } from '../../contracts/registry.ts';
import { kafkaOptions } from '../../pipelines/topic/kafka.ts';
import type { MirrorPlan } from '../../sinks/postgres-plan.ts';
import { alterMirror, planMirror } from '../../sinks/postgres.ts';
import { mirrorOptions } from '../worker/open-deliver.ts';
import { readContracts } from '../worker/setting.ts';
import { configFile, configOption } from './config-file.ts';

interface Flags {
  readonly config?: string;
  readonly apply?: boolean;
  readonly json?: boolean;
}

/** Adds `conductor mirror`. */
export function mirrorCommands(program: Command): void {
  const mirror = program
    .command('mirror')
    .summary('the tables of the Postgres mirror, held against contracts');
  mirror
    .command('plan')
    .summary('the statements that opening the mirror would run, and what it leaves as it is')
    .description(
      'Holds the tables of the mirror against the contracts and what the schema topic tells of the source. Prints the very statements that deliver-postgres runs when it opens the mirror: tables and columns are made, and types widened, by which nothing that is there is lost. Then what is otherwise, and stays so unless somebody mends it. Changes nothing without --apply.',
    )
    .addOption(configOption())
    .option('--apply', 'run the statements now, and not when deliver-postgres starts')
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  conductor mirror plan\n  conductor mirror plan --apply')
    .action(async (flags: Flags) => {
      const config = await loadConfig(await configFile(flags.config));
      const options = await optionsOf(config);
      const plan = await (flags.apply ? alterMirror(options) : planMirror(options));
      if (flags.json) print(JSON.stringify({ applied: flags.apply ?? false, ...plan }));
      else tell(plan, flags.apply ? 'done' : 'to be done');
    });
}

async function optionsOf(config: Config) {
  const { sinks } = config;
  if (!sinks.postgres)
    throw new CannotRun({
      what: 'no mirror is configured',
      where: 'sinks.postgres',
      fix: 'set sinks.postgres.url',
    });
  const contracts = [...(await readContracts(config)).values()];
  const registry = registryAt(config.registry.url);
  const kafka = kafkaOptions(config, 'mirror');
  return mirrorOptions({ config, registry, kafka }, sinks.postgres.url, contracts);
}

function tell({ steps, left }: MirrorPlan, heading: string): void {
  print(steps.length === 0 ? 'nothing is to be done' : `${heading}:`);
  for (const { statement, note } of steps) {
    print(`  ${statement};`);
    if (note) print(`    -- ${note}`);
  }
  if (left.length > 0) print('left as it is:');
  for (const { table, what, statement } of left) {
    print(`  ${table}: ${what}`);
    if (statement) print(`    ${statement};`);
  }
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);
