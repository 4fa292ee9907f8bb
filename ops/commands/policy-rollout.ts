import type { Command } from 'commander';
import { loadConfig } from '../../contracts/config.ts';
import { readBundle, shippedBundle } from '../../contracts/policy/bundle.ts';
import { conflictText } from '../../contracts/policy/conflicts.ts';
import { policyDiffsTopic } from '../../contracts/topics.ts';
import { kafkaOptions } from '../../pipelines/topic/kafka.ts';
import { tails } from '../../pipelines/topic/tail.ts';
import { type DiffReport, parseReport, summed } from '../policy/diffs.ts';
import {
  activate,
  type Checked,
  listed,
  publish,
  type RollingOut,
  runBeside,
} from '../policy/roll-out.ts';
import { ensurePolicyTopics } from '../policy/rollout-topic.ts';
import { readContracts } from '../worker/setting.ts';
import { configFile, configOption } from './config-file.ts';
import { UsageError } from './usage-error.ts';

interface Flags {
  readonly config?: string;
  readonly json?: boolean;
}

/** Adds what rolls revisions out to `conductor policy`. */
export function rolloutCommands(policy: Command): void {
  publishCommand(policy);
  shadowCommand(policy);
  policy
    .command('activate')
    .summary('have a revision decide from now on')
    .description(
      'Running workers take it up between two batches, without restart. One that cannot keeps the revision that it has, and says so (conductor_policy_failed).',
    )
    .argument('<revision>', 'one that conductor policy list shows')
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  conductor policy activate 55adfb86b003f9b2')
    .action(async (revision: string, flags: Flags) => {
      const checked = await activate(await rollingOut(flags), revision);
      tell(flags, checked, `revision ${revision} decides from now on`);
    });
  policy
    .command('list')
    .summary('the revisions there are, and which decides')
    .description('Lists what was published, what decides and what runs beside.')
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  conductor policy list')
    .action(async (flags: Flags) => {
      const revisions = await listed(await rollingOut(flags));
      if (flags.json) return print(JSON.stringify({ revisions }));
      for (const { revision, role, origin } of revisions)
        print(`${revision}  ${(role ?? '').padEnd(6)}  ${origin}`.trimEnd());
    });
  policy
    .command('diffs')
    .summary('what the shadow revision would have decided otherwise')
    .description(
      'Lists, column by column, what shadow revisions would have decided otherwise in the last 30 days, and how many changes that would have touched.',
    )
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  conductor policy diffs')
    .action(async (flags: Flags) => {
      const diffs = await diffsSoFar(await rollingOut(flags));
      if (flags.json) return print(JSON.stringify({ diffs }));
      for (const diff of diffs) print(diffLine(diff));
      if (diffs.length === 0) print('no shadow revision decided anything otherwise');
    });
}

function publishCommand(policy: Command): void {
  policy
    .command('publish')
    .summary('publish a compiled bundle, for workers to use')
    .description(
      'Publishes a bundle under its revision. It decides nothing until it is activated; with --shadow it runs beside the active one.',
    )
    .option('--bundle <folder>', 'what conductor policy build wrote', shippedBundle)
    .option(
      '--shadow',
      'run it beside the active revision, and report what it would decide otherwise',
    )
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  conductor policy publish --bundle policies/bundle --shadow',
    )
    .action(async (flags: Flags & { readonly bundle: string; readonly shadow?: boolean }) => {
      const to = await rollingOut(flags);
      const checked = await publish(to, await readBundle(flags.bundle));
      if (flags.shadow) await runBeside(to, checked.revision);
      const what = flags.shadow ? 'is published, and runs as a shadow' : 'is published';
      tell(flags, checked, `revision ${checked.revision} ${what}`);
    });
}

function shadowCommand(policy: Command): void {
  policy
    .command('shadow')
    .summary('run a revision beside the active one, or none')
    .description('A shadow revision decides nothing: what it would decide otherwise is reported.')
    .argument('[revision]', 'one that conductor policy list shows')
    .option('--off', 'run none')
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  conductor policy shadow --off')
    .action(async (revision: string | undefined, flags: Flags & { readonly off?: boolean }) => {
      if ((revision === undefined) !== (flags.off === true))
        throw new UsageError('name a revision, or say --off');
      await runBeside(await rollingOut(flags), revision ?? null);
      const said = revision
        ? `revision ${revision} runs as a shadow`
        : 'no revision runs as a shadow';
      print(flags.json ? JSON.stringify({ shadow: revision ?? null }) : said);
    });
}

async function rollingOut(flags: Flags): Promise<RollingOut> {
  const config = await loadConfig(await configFile(flags.config));
  const contracts = await readContracts(config);
  return { config, contracts, kafka: kafkaOptions(config, 'policy') };
}

async function diffsSoFar({ kafka, config }: RollingOut): Promise<readonly DiffReport[]> {
  await ensurePolicyTopics(kafka, config);
  const lane = { topic: policyDiffsTopic(config.policy.topic), partition: 0 };
  const records = await tails(kafka, [lane], 1n << 62n);
  return summed(records.flatMap(({ value }) => (value && parseReport(value.toString())) ?? []));
}

function diffLine(diff: DiffReport): string {
  const { shadow, table, column, tenant, tier, purpose, from, to, changes } = diff;
  const act = (treatment: DiffReport['from']) =>
    treatment ? `${treatment.action}${treatment.to > 0 ? `(${treatment.to})` : ''}` : 'nothing';
  const whose = tenant === null ? '' : `, tenant ${tenant}`;
  return `${shadow}  ${table}.${column}  ${act(from)} → ${act(to)}  (tier ${tier}, purpose ${purpose}${whose}; ${changes} changes)`;
}

function tell(flags: Flags, checked: Checked, line: string): void {
  if (flags.json) return print(JSON.stringify(checked));
  print(line);
  for (const conflict of checked.conflicts)
    print(`  conflict: table ${conflict.table}, ${conflictText(conflict)}`);
  for (const { rule, says } of checked.idle) print(`  idle: rule ${rule} ${says}`);
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);
