import type { Command } from 'commander';
import { loadConfig } from '../../contracts/config.ts';
import { changeText } from '../contract/compared.ts';
import { type ProposedContract, proposedContracts } from '../contract/propose.ts';
import { type Fate, writeProposed } from '../contract/write-proposed.ts';
import { oneLine } from '../init/statement.ts';
import { configFile, configOption } from './config-file.ts';
import { positive } from './numbers.ts';

interface Flags {
  readonly config?: string;
  readonly table?: readonly string[];
  readonly rows: number;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** Adds `conductor contract propose`. */
export function proposeCommand(contract: Command): void {
  contract
    .command('propose')
    .summary('propose contracts for tables of the source, from names, types and sampled rows')
    .description(
      'Reads the catalogs of the source and a sample of the rows of each table, recognises what they look like, and writes a proposed contract where there is none. Only counts of what values look like are kept, never a value. Where there is a contract, what the proposal would change is told.',
    )
    .addOption(configOption())
    .option('--table <name...>', 'only these tables: orders, or public.orders')
    .option('--rows <count>', 'how many rows of a table to look at', positive, 1_000)
    .option('--force', 'overwrite the contracts that are there')
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  conductor contract propose\n  conductor contract propose --table public.customers --rows 5000',
    )
    .action(propose);
}

async function propose({ table = [], rows, force = false, json, ...flags }: Flags): Promise<void> {
  const config = await loadConfig(await configFile(flags.config));
  const found = await proposedContracts(config, { tables: table, rows });
  const fates = await writeProposed(config.contracts, found, { force });
  const { proposed, skipped, notes } = found;
  if (json) {
    print(
      JSON.stringify({
        folder: config.contracts,
        proposed: proposed.map((each) => jsonOf(each, fates.get(each))),
        skipped,
        notes,
      }),
    );
    return;
  }
  for (const each of proposed) for (const line of linesOf(each, fates.get(each))) print(line);
  for (const { table: name, reason } of skipped) print(`skipped     ${oneLine(name)}: ${reason}`);
  for (const note of notes) print(`look at     ${oneLine(note)}`);
}

const said: Readonly<Record<Fate, string>> = {
  written: 'is proposed in',
  overwritten: 'is proposed in place of what was in',
  there: 'has a contract, which stays (--force overwrites it):',
  equal: 'has the contract that would be proposed:',
};

function linesOf(
  { proposal, file, changes }: ProposedContract,
  fate: Fate = 'there',
): readonly string[] {
  const { table, columns, tenant, subject, notes } = proposal;
  return [
    `${oneLine(table)} ${said[fate]} ${file}`,
    `            ${tenant ? `tenant ${tenant.column}` : 'no tenant'}; ${subject ? `subject ${subject.column}: ${subject.why}` : 'no subject'}`,
    ...columns.map(
      ({ name, classification, rule, why }) =>
        `            ${name}: ${classification}, ${rule}: ${why}`,
    ),
    ...notes.map((note) => `look at     ${table}: ${note}`),
    ...(changes ?? []).map((change) => `otherwise ${changeText(change)}`),
  ].map(oneLine);
}

const jsonOf = (
  { proposal, file, changes }: ProposedContract,
  fate: Fate | undefined,
): Readonly<Record<string, unknown>> => ({
  table: proposal.table,
  file,
  fate,
  tenant: proposal.tenant?.column ?? null,
  subject: proposal.subject?.column ?? null,
  columns: proposal.columns.map(({ name, classification, rule, why, isGrave, hierarchy }) => ({
    name,
    classification,
    rule,
    why,
    sensitivity: isGrave ? 'high' : null,
    hierarchy,
  })),
  notes: proposal.notes,
  changes,
});

const print = (line: string): void => void process.stdout.write(`${line}\n`);
