import type { Command } from 'commander';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { type Config, loadConfig } from '../../contracts/config.ts';
import { runsAt } from '../../pipelines/backfill/runs.ts';
import { acceptForm, refusedForms } from '../../pipelines/wal/forms.ts';
import { postgresTrouble } from '../../pipelines/wal/postgres-trouble.ts';
import { configFile, configOption } from './config-file.ts';

interface Flags {
  readonly config?: string;
  readonly json?: boolean;
}

/** Adds `conductor schema`. */
export function schemaCommands(program: Command): void {
  const schema = program
    .command('schema')
    .summary('tables whose new form is refused, and accepting it');
  schema
    .command('list')
    .summary('tables whose changes are refused, and why')
    .description(
      'Lists the tables whose changes are kept as dead letters until their form is accepted.',
    )
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  conductor schema list')
    .action(async (flags: Flags) => {
      const config = await loadConfig(await configFile(flags.config));
      const refused = await inState(config, refusedForms(config.state.url, streamOf(config)));
      if (flags.json) return print(JSON.stringify({ refused }));
      for (const { table, refused: why } of refused) print(`${table}\n    ${why}`);
      if (refused.length === 0) print('no table is refused');
    });
  schema
    .command('accept')
    .summary('let the changes of a refused table pass in its new form')
    .description(
      'Says that readers of the table are ready for its new form. A running capture takes it up within seconds; what became a dead letter until then stays one.',
    )
    .requiredOption('--table <table>', 'schema and name of the table')
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  conductor schema accept --table public.orders')
    .action(async ({ table, ...flags }: Flags & { readonly table: string }) => {
      const config = await loadConfig(await configFile(flags.config));
      if (!(await inState(config, acceptForm(config.state.url, streamOf(config), table))))
        throw new CannotRun({
          what: `nothing of table ${table} is refused`,
          where: `cdc_relations, stream ${streamOf(config)}`,
          fix: 'see conductor schema list',
        });
      await inState(config, resumeCopies(config, table));
      print(
        flags.json
          ? JSON.stringify({ accepted: table })
          : `${table} is accepted: capture takes it up within seconds`,
      );
    });
}

/** A copy of it may have failed for what is accepted now. */
async function resumeCopies(config: Config, table: string): Promise<void> {
  await using runs = await runsAt(config.state.url, streamOf(config));
  const all = await runs.all();
  if (all.some((run) => run.table === table && run.status === 'failed'))
    await runs.set(table, 'waiting');
}

const streamOf = ({ database, source }: Config): string => `${database}/${source.slot}`;

const inState = <T>({ state }: Config, asked: Promise<T>): Promise<T> =>
  asked.catch((error: unknown) => {
    throw postgresTrouble(error, 'state.url', state.url);
  });

const print = (line: string): void => void process.stdout.write(`${line}\n`);
