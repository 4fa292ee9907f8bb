import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { type Config, loadConfig } from '../../contracts/config.ts';
import { type Run, type Runs, runsAt } from '../../pipelines/backfill/runs.ts';
import { postgresTrouble } from '../../pipelines/wal/postgres-trouble.ts';
import type { TableContract } from '../../contracts/contract.ts';
import { compareOnce, comparedText } from '../backfill/compare-once.ts';
import { contractedTable, examine } from '../backfill/request.ts';
import { runJson, runText } from '../backfill/run-text.ts';
import { readContracts } from '../worker/setting.ts';
import { configFile, configOption } from './config-file.ts';
import { UsageError } from './usage-error.ts';

interface Flags {
  readonly config?: string;
  readonly table?: string;
  readonly where?: string;
  readonly wait?: boolean;
  readonly status?: boolean;
  readonly pause?: boolean;
  readonly resume?: boolean;
  readonly cancel?: boolean;
  readonly compare?: boolean;
  readonly json?: boolean;
}

const examples = `
Examples:
  conductor backfill --table public.orders --wait
  conductor backfill --table public.orders --where "created_at >= '2026-01-01'"
  conductor backfill --table public.orders --compare
  conductor backfill --status
  conductor backfill --pause --table public.orders

A copy never overwrites a newer change. Rows of a table without a key may come twice.`;

/** Adds `conductor backfill`. */
export function backfillCommands(program: Command): void {
  program
    .command('backfill')
    .summary('copy a table, or some of its rows, beside the stream')
    .description(
      'Asks capture to copy a table while its changes go on. What was copied is remembered, whatever is killed.',
    )
    .addOption(configOption())
    .option('--table <table>', 'schema and name of a table that has a contract')
    .option('--where <sql>', 'only the rows that this condition holds for')
    .option(
      '--wait',
      'until it is done; then hold the table against its topic (up to 5,000,000 rows)',
    )
    .option(
      '--compare',
      'hold --table against its topic, now or once it is copied; exits 3 if they differ',
    )
    .option('--status', 'how far all copies are')
    .option('--pause', 'rest the copies of --table')
    .option('--resume', 'go on with them, or begin anew where they had failed')
    .option('--cancel', 'give them up; what was copied stays')
    .option('--json', 'one JSON object')
    .addHelpText('after', examples)
    .action(backfill);
}

async function backfill(flags: Flags): Promise<void> {
  const { table } = checked(flags);
  const config = await loadConfig(await configFile(flags.config));
  const contracts = await readContracts(config);
  if (table !== null) contractedTable(contracts, table, config.contracts);
  if (flags.status || table === null) return printStatus(config, table, flags);

  const status = flags.pause
    ? 'paused'
    : flags.resume
      ? 'waiting'
      : flags.cancel
        ? 'cancelled'
        : null;
  if (status !== null) {
    await using runs = await runsOf(config);
    const changed = await runs.set(table, status);
    if (changed.length === 0)
      throw new CannotRun({
        what: `table ${table} has no copy that could be ${status === 'waiting' ? 'resumed' : status}`,
        where: 'cdc_backfills',
        fix: 'see conductor backfill --status',
      });
    return printStatus(config, table, flags);
  }

  if (flags.compare && !flags.wait) return compareNow(config, contracts, table, flags);

  const condition = flags.where ?? null;
  const { keyless, capturing } = await examine(config, contracts, { table, condition });
  await using runs = await runsOf(config);
  await refuseTwice(runs, table, condition);
  const id = await runs.request(table, condition);
  if (keyless)
    warn(`table ${table} has no key: rows that change while it is copied may come twice`);
  if (!capturing)
    warn('no capture is running: the copy begins when it does (conductor run capture)');
  const run = flags.wait ? await ended(runs, id) : await found(runs, id);
  const isDue = run.status === 'done' && !keyless && (flags.compare || run.rows <= mostCompared);
  const compared = isDue ? await compareOnce(config, contracts, { table, condition }) : null;
  if (compared) await runs.compared(id, compared);
  if (flags.json) print(JSON.stringify({ ...runJson(run), compared }));
  else print(compared ? `${runText(run)}\n${comparedText(compared)}` : runText(run));
  if (run.status === 'failed' || run.status === 'cancelled') process.exitCode = 1;
  if (compared && !compared.equal) process.exitCode = 3;
}

const mostCompared = 5_000_000; // Rows; beyond, somebody is to ask for it.

async function compareNow(
  config: Config,
  contracts: ReadonlyMap<string, TableContract>,
  table: string,
  { json }: Flags,
): Promise<void> {
  const compared = await compareOnce(config, contracts, { table, condition: null });
  await using runs = await runsOf(config);
  const last = (await runs.all()).findLast((run) => run.table === table && run.status === 'done');
  if (last) await runs.compared(last.id, compared);
  print(json ? JSON.stringify(compared) : comparedText(compared));
  if (!compared.equal) process.exitCode = 3;
}

/** What the flags mean together; refuses what contradicts itself. */
function checked(flags: Flags): { readonly table: string | null } {
  const { table, where, wait: waits, status, pause, resume, cancel, compare } = flags;
  const verbs = [status, pause, resume, cancel].filter(Boolean).length;
  if (verbs > 1)
    throw new UsageError('say one of --status, --pause, --resume and --cancel, not several');
  if ((pause || resume || cancel || compare) && table === undefined)
    throw new UsageError('say which table is meant: --table <table>');
  if (verbs > 0 && (where !== undefined || waits || compare))
    throw new UsageError('--where, --wait and --compare belong to a new copy: leave them out');
  if (compare && where !== undefined && !waits)
    throw new UsageError(
      '--compare looks at all rows: leave --where out, or --wait for a new copy',
    );
  if (table === undefined && where !== undefined)
    throw new UsageError('say which table is to be copied: --table <table>');
  if (where?.trim() === '')
    throw new UsageError('--where is empty: write a condition, or leave it out to copy all rows');
  return { table: table ?? null };
}

async function printStatus(config: Config, table: string | null, { json }: Flags): Promise<void> {
  await using runs = await runsOf(config);
  const all = (await runs.all()).filter((run) => table === null || run.table === table);
  if (json) return print(JSON.stringify({ runs: all.map(runJson) }));
  for (const run of all) print(runText(run));
  if (all.length === 0) print('no table was copied yet');
}

/** One copy of the same rows at a time is enough. */
async function refuseTwice(runs: Runs, table: string, condition: string | null): Promise<void> {
  const open = ['waiting', 'running', 'paused'];
  const same = (await runs.all()).find(
    (run) => run.table === table && run.condition === condition && open.includes(run.status),
  );
  if (same)
    throw new CannotRun({
      what: `table ${table} is being copied already: run ${same.id} is ${same.status}`,
      where: 'cdc_backfills',
      fix: 'wait for it, or give it up with conductor backfill --cancel --table …',
    });
}

const pollMs = 200;

async function ended(runs: Runs, id: number): Promise<Run> {
  for (;;) {
    const run = await found(runs, id);
    if (run.status === 'done' || run.status === 'failed' || run.status === 'cancelled') return run;
    await wait(pollMs);
  }
}

async function found(runs: Runs, id: number): Promise<Run> {
  const run = await runs.one(id);
  if (!run) throw new Error(`run ${id} is not in cdc_backfills any more`);
  return run;
}

const runsOf = ({ state, database, source }: Config): Promise<Runs> =>
  runsAt(state.url, `${database}/${source.slot}`).catch((error: unknown) => {
    throw postgresTrouble(error, 'state.url', state.url);
  });

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const warn = (line: string): void => void process.stderr.write(`conductor: ${line}\n`);
