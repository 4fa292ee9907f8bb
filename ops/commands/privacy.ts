import type { Command } from 'commander';
import { aligned } from '../aligned.ts';
import { loadConfig } from '../../contracts/config.ts';
import { PolicyFailure } from '../../contracts/policy/bundle.ts';
import { conflictText } from '../../contracts/policy/conflicts.ts';
import { kafkaOptions } from '../../pipelines/topic/kafka.ts';
import { revisionOf } from '../policy/active.ts';
import { type Loaded, type Preview, preview, type Shown } from '../policy/preview.ts';
import { readRollout } from '../policy/rollout-topic.ts';
import { readContracts } from '../worker/setting.ts';
import { configFile, configOption } from './config-file.ts';
import { budgetCommands } from './privacy-budget.ts';
import { rolloutCommands } from './privacy-rollout.ts';
import { UsageError } from './usage-error.ts';

interface Flags {
  readonly config?: string;
  readonly json?: boolean;
  readonly table: string;
  readonly role: readonly string[];
  readonly purpose: string;
  readonly tenant?: string;
  readonly revision?: string;
}

/** Adds `conductor privacy`. */
export function privacyCommands(program: Command): void {
  const privacy = program
    .command('privacy')
    .summary('what readers may see')
    .description('Shows what policies let readers see.');
  privacy
    .command('preview')
    .summary('what a reader would see of a table')
    .description(
      'Shows what happens to each column of a table for a reader: by the active revision of the policies, and beside it by another one (the shadow revision where none is named). Samples show shapes by type; no value is read.',
    )
    .requiredOption('--table <table>', 'schema and name of the table')
    .option('--role <role>', 'a role of the reader; may be repeated', gathered, [])
    .requiredOption('--purpose <purpose>', 'what the reader reads for')
    .option('--tenant <tenant>', "whose rows; their own rules then count (default: everybody's)")
    .option('--revision <revision>', 'the other revision, one that conductor policy list shows')
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  conductor privacy preview --table public.customers --role analyst --purpose research',
    )
    .action(async (flags: Flags) => {
      const found = await previewed(flags);
      if (flags.json) print(JSON.stringify(found));
      else for (const line of linesOf(found)) print(line);
      if (found.active.failed !== null) process.exitCode = 1;
    });
  budgetCommands(privacy);
  rolloutCommands(privacy);
}

const gathered = (role: string, before: readonly string[]): readonly string[] => [...before, role];

async function previewed(flags: Flags): Promise<Preview> {
  const { table, role: roles, purpose, tenant = null } = flags;
  const config = await loadConfig(await configFile(flags.config));
  const contracts = await readContracts(config);
  const contract = contracts.get(table);
  if (!contract)
    throw new UsageError(
      `there is no contract of ${table}; name one of ${[...contracts.keys()].join(', ')}`,
    );
  const rollout = await readRollout(kafkaOptions(config, 'policy'), config);
  const active = await revisionOf(rollout, config, rollout.state.active);
  const wanted = flags.revision ?? rollout.state.shadow;
  const load = async (revision: string): Promise<Loaded> => {
    try {
      return await revisionOf(rollout, config, revision);
    } catch (failure) {
      // A shadow may be broken: that is what there is to see of it.
      if (!(failure instanceof PolicyFailure) || flags.revision !== undefined) throw failure;
      return { revision, failure };
    }
  };
  const other = wanted === null ? null : await load(wanted);
  return preview(contract, { roles, purpose, tenant }, { active, other });
}

function linesOf({ active, other, columns, ...head }: Preview): readonly string[] {
  const whose = head.tenant === null ? '' : `, tenant ${head.tenant}`;
  const rows = columns.map((column) => [
    column.column,
    column.classification,
    column.sensitivity,
    column.rule,
    ...cells(column.active),
    ...(other ? [column.differs ? '≠' : '', ...cells(column.other)] : []),
  ]);
  const titles = ['column', 'classification', 'sensitivity', 'contract'];
  const side = (revision: string) => [revision, 'by', 'looks like'];
  const table = [
    [...titles, ...side(active.revision), ...(other ? ['', ...side(other.revision)] : [])],
    ...rows,
  ];
  return [
    `table ${head.table}, tier ${head.tier}, purpose ${head.purpose}${whose}`,
    ...aligned(table),
    ...[active, ...(other ? [other] : [])].flatMap(({ revision, failed, conflicts }) => [
      ...(failed === null ? [] : [`revision ${revision}: ${failed}`]),
      ...conflicts.map((conflict) => `revision ${revision}, ${conflictText(conflict)}`),
    ]),
  ];
}

function cells(shown: Shown | null): readonly string[] {
  if (!shown) return ['nothing', '', ''];
  const { action, to, level, rules, sample } = shown;
  const decidedBy = rules.length === 0 ? level : `${level}: ${rules.join(', ')}`;
  return [to > 0 ? `${action}(${to})` : action, decidedBy, sample];
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);
