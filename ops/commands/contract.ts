import type { Command } from 'commander';
import { loadConfig } from '../../contracts/config.ts';
import type { Terms } from '../../contracts/terms.ts';
import { ownPool } from '../../pipelines/wal/own-pool.ts';
import { postgresTrouble } from '../../pipelines/wal/postgres-trouble.ts';
import { checked } from '../contract/checked.ts';
import { changeText, comparedContracts } from '../contract/compared.ts';
import { contractsFolder } from '../contract/contracts-folder.ts';
import { type Measured, measure } from '../contract/measure.ts';
import { acceptContracts } from '../worker/contracts-in-force.ts';
import { readContracts } from '../worker/setting.ts';
import { configFile, configOption } from './config-file.ts';
import { proposeCommand } from './contract-propose.ts';

interface Flags {
  readonly config?: string;
  readonly json?: boolean;
}

/** Adds `conductor contract`. */
export function contractCommands(program: Command): void {
  const contract = program
    .command('contract')
    .summary('check contracts, hold them against those before them, propose new ones');
  contract
    .command('check')
    .summary('what is wrong with contracts, and what had better be otherwise')
    .description(
      'Checks all contracts of the configured folder, or the files that are named, without any server. Exits 1 if one of them is wrong. With --data the rows of the source are held against what is promised of them, by counts alone; exits 3 if a promise is broken.',
    )
    .argument('[file...]', 'files or folders of contracts')
    .addOption(configOption())
    .option('--data', 'measure the quality rules and retentions on the source')
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  conductor contract check\n  conductor contract check contracts/tables/orders.yaml --data',
    )
    .action(check);
  contract
    .command('diff')
    .summary('what contracts promise otherwise than those before them, and what of it breaks')
    .description(
      'Names every change as breaking or not. A contract that breaks says so by a new major version; exits 1 if one does not, unless --accept is given.',
    )
    .argument('<old>', 'a file, a folder, or git:REV for the same path in that revision')
    .argument('[new]', 'a file or a folder (default: the configured folder)')
    .addOption(configOption())
    .option('--accept', 'breaking changes are meant')
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  conductor contract diff git:main\n  conductor contract diff old/orders.yaml contracts/tables/orders.yaml --accept',
    )
    .action(diff);
  contract
    .command('accept')
    .summary('put the contracts in force that workers refuse to run by, for they break')
    .description(
      'Workers that apply contracts refuse to run by some that break what those in force promise, unless these have a new major version. This says that the break is meant; workers started from then on run by them.',
    )
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  conductor contract diff git:HEAD~1; conductor contract accept',
    )
    .action(accept);
  proposeCommand(contract);
}

async function accept(flags: Flags): Promise<void> {
  const config = await loadConfig(await configFile(flags.config));
  await readContracts(config);
  const tables = await acceptContracts(config);
  if (flags.json) return print(JSON.stringify({ accepted: tables }));
  const which = tables.length === 0 ? 'nothing of them breaks' : `${tables.join(', ')}: accepted`;
  print(`the contracts of ${config.contracts} are in force; ${which}`);
}

async function check(
  files: readonly string[],
  flags: Flags & { readonly data?: boolean },
): Promise<void> {
  const { folder, database } = await contractsFolder(flags.config);
  const { tables, faults, warnings, terms } = await checked(
    files.length > 0 ? files : [folder],
    database,
  );
  const isMeasured = flags.data === true && faults.length === 0;
  const measured = isMeasured ? await measuredOf(terms, flags.config) : [];
  const broken = measured.filter(isWrong);
  if (faults.length > 0) process.exitCode = 1;
  else if (broken.length > 0) process.exitCode = 3;
  if (flags.json) return print(JSON.stringify({ tables, faults, warnings, quality: measured }));
  for (const fault of faults) print(`wrong     ${fault}`);
  for (const warning of warnings) print(`look at   ${warning}`);
  for (const each of measured) print(measuredText(each));
  const data = isMeasured ? `, ${broken.length} broken promises of data` : '';
  print(`${tables} contracts: ${faults.length} wrong, ${warnings.length} to look at${data}`);
}

/** What was not measured is no promise kept. */
const isWrong = ({ outcome, severity }: Measured): boolean =>
  outcome !== 'kept' && severity === 'error';

async function measuredOf(
  all: readonly Terms[],
  named: string | undefined,
): Promise<readonly Measured[]> {
  const { url } = (await loadConfig(await configFile(named))).source;
  const db = ownPool(url, { name: 'conductor contract', size: 1, patient: true });
  try {
    const measured: Measured[] = [];
    for (const terms of all) measured.push(...(await measure(db, terms)));
    return measured;
  } catch (error) {
    throw postgresTrouble(error, 'source.url', url);
  } finally {
    await db.dispose();
  }
}

function measuredText({ table, rule, promised, rows, found, outcome, why }: Measured): string {
  const counts = outcome === 'not measured' ? why : `${found} of ${rows} rows`;
  return `${(outcome === 'not measured' ? 'unknown' : outcome).padEnd(9)} ${table}, ${rule}: ${promised}; ${counts}`;
}

async function diff(
  before: string,
  named: string | undefined,
  flags: Flags & { readonly accept?: boolean },
): Promise<void> {
  const after = named ?? (await contractsFolder(flags.config)).folder;
  const { changes, unannounced } = await comparedContracts(before, after);
  const accepted = flags.accept === true || unannounced.length === 0;
  if (!accepted) process.exitCode = 1;
  if (flags.json) return print(JSON.stringify({ changes, unannounced, accepted }));
  for (const change of changes) print(changeText(change));
  const breaking = changes.filter(({ breaks }) => breaks !== null).length;
  print(`${changes.length} changes, ${breaking} of them breaking`);
  if (!accepted)
    print(
      `${unannounced.join(', ')}: give a new major version to what breaks, for example version: 2.0.0, or say --accept here, and conductor contract accept for workers`,
    );
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);
