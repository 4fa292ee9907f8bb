import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { settingName } from '../../contracts/setting-forms.ts';
import { applySetup, isYes } from '../init/apply.ts';
import { init, type Initiated } from '../init/init.ts';
import { asJson, nextLines, reportLines } from '../init/report.ts';
import { inOrder } from '../init/setup-text.ts';
import { UsageError } from './usage-error.ts';

interface InitFlags {
  readonly source: string;
  readonly out: string;
  readonly name?: string;
  readonly role?: string;
  readonly schema?: readonly string[];
  readonly table?: readonly string[];
  readonly force?: boolean;
  readonly apply?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** Adds `conductor init`. */
export function initCommands(program: Command): void {
  program
    .command('init')
    .summary('first contact: propose a configuration and contracts for a database')
    .description(
      'Reads the catalogs of a PostgreSQL database, and no row. Writes conductor.yaml and a proposed contract per table, and prints the SQL that prepares the server. Runs nothing on it without --apply.',
    )
    .addOption(
      new Option('--source <url>', 'the database, postgres://user:password@host:5432/name')
        .env('SOURCE_URL')
        .makeOptionMandatory(),
    )
    .option('--out <dir>', 'where to write', '.')
    .option('--name <name>', 'of the source in topics (default: that of the database)')
    .option(
      '--role <name>',
      'who is to capture (default: the user of --source if it is no superuser and may replicate, else conductor)',
    )
    .option('--schema <name...>', 'only these schemas')
    .option('--table <name...>', 'only these tables: orders, or public.orders')
    .option('--force', 'overwrite what is there')
    .option('--apply', 'run the SQL too, after a yes')
    .option('--yes', 'with --apply: do not ask')
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      `
The SQL goes to stdout and all else to stderr, so that this makes a script for psql:

Examples:
  conductor init --source postgres://postgres:secret@db:5432/shop > setup.sql
  conductor init --source postgres://postgres:secret@db:5432/shop --schema sales --out sales`,
    )
    .action(run);
}

async function run(flags: InitFlags): Promise<void> {
  checkFlags(flags);
  const {
    source: url,
    name = null,
    role = null,
    schema = [],
    table = [],
    force = false,
    json = false,
  } = flags;
  const only = { schemas: schema, tables: table };
  const done = await init({ url, out: resolve(flags.out), name, role, only, force });
  const say = (lines: readonly string[]) => process.stderr.write(`${lines.join('\n')}\n`);
  if (!json) {
    say(reportLines(done));
    process.stdout.write(done.sql);
  }
  const applied = flags.apply === true && (await apply(url, done, flags.yes === true));
  if (json) process.stdout.write(`${JSON.stringify(asJson(done, applied))}\n`);
  else say(nextLines(done, applied));
}

function checkFlags({ name, apply, yes, json }: InitFlags): void {
  if (name !== undefined && !settingName.safeParse(name).success)
    throw new UsageError(
      `--name ${name} cannot be part of a topic's name: say lower-case letters, digits and _, for example shop`,
    );
  if (yes && !apply) throw new UsageError('--yes answers what --apply asks: say --apply --yes');
  if (apply && !yes && (json || !process.stdin.isTTY))
    throw new UsageError(
      '--apply asks on a terminal, and this is none: say --apply --yes, or run the printed SQL by psql',
    );
}

async function apply(url: string, { setup, server, place }: Initiated, yes: boolean) {
  const question = `${inOrder(setup).length} statements for ${place}, as ${server.user}.`;
  if (!yes && !(await isYes(question))) return false;
  await applySetup(url, setup);
  return true;
}
