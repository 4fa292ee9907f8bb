import { type Command, Option } from 'commander';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { type Config, loadConfig } from '../../contracts/config.ts';
import type { TableContract } from '../../contracts/contract.ts';
import { registryAt } from '../../contracts/registry.ts';
import type { ToldDifference, Verified } from '../../pipelines/delivered/verified.ts';
import { kafkaOptions } from '../../pipelines/topic/kafka.ts';
import { readContracts } from '../worker/setting.ts';
import { type SinkName, sinkNames } from '../worker/sink-names.ts';
import { verifiedSinks } from '../worker/verified-sinks.ts';
import { configFile, configOption } from './config-file.ts';

interface Flags {
  readonly config?: string;
  readonly table?: string;
  readonly sink?: SinkName;
  readonly anew?: boolean;
  readonly json?: boolean;
}

const examples = `
Examples:
  conductor verify delivery
  conductor verify delivery --table public.orders --sink postgres
  conductor verify delivery --json

Nothing needs to stand still. Exits 3 if anything that rests differs, and names the rows by their governed
keys: missing, extra, older, newer, other (values), doubled, or a relationship. What to do then:
ops/runbooks/delivery.md.`;

/** Adds `conductor verify delivery`. */
export function verifyDeliveryCommand(group: Command): void {
  group
    .command('delivery')
    .summary('what rests in the sinks, against what was governed')
    .description(
      'Computes digests of the rows that rest in each sink, holds them against what the governed topics come to at the same place, and finds the rows that differ.',
    )
    .addOption(configOption())
    .option('--table <table>', 'this table only, by schema and name')
    .addOption(new Option('--sink <sink>', 'this sink only').choices(sinkNames))
    .option('--anew', 'read the topics from their beginnings, whatever conductor run verify kept')
    .option('--json', 'one JSON object')
    .addHelpText('after', examples)
    .action(verifyDelivery);
}

async function verifyDelivery(flags: Flags): Promise<void> {
  const { FoldState } = await import('../../pipelines/delivered/fold-state.ts');
  const { restsIn, verifyTable } = await import('../../pipelines/delivered/verify-table.ts');
  const config = await loadConfig(await configFile(flags.config));
  const contracts = await readContracts(config);
  const sinks = sinksOf(config, flags.sink);
  const tables = tablesOf(config, contracts, flags.table);
  await using state = flags.anew ? null : await FoldState.at(config.state.url);
  const verifying = {
    database: config.database,
    kafka: kafkaOptions(config, 'verify'),
    registry: registryAt(config.registry.url),
    contracts: [...contracts.values()],
    state,
    saves: false,
  };
  const all: Verified[] = [];
  for (const sink of sinks)
    for (const contract of tables) {
      if (!restsIn(contract, sink)) continue;
      const verified = await verifyTable(verifying, contract, sink);
      all.push(verified);
      if (!flags.json) process.stdout.write(`${verifiedText(verified)}\n`);
    }
  const equal = all.every((each) => each.equal);
  if (flags.json) process.stdout.write(`${JSON.stringify({ equal, tables: all })}\n`);
  if (!equal) process.exitCode = 3;
}

function sinksOf(config: Config, named: SinkName | undefined) {
  const sinks = verifiedSinks(config).filter(({ sink }) => named === undefined || sink === named);
  if (sinks.length > 0) return sinks;
  throw new CannotRun({
    what: named === undefined ? 'no sink is configured' : `no ${named} is configured`,
    where: named === undefined ? 'sinks' : `sinks.${named}`,
    fix: 'set it in the configuration that its worker has, or name another with --config',
  });
}

function tablesOf(
  config: Config,
  contracts: ReadonlyMap<string, TableContract>,
  named: string | undefined,
): readonly TableContract[] {
  if (named === undefined) return [...contracts.values()];
  const contract = contracts.get(named);
  if (contract) return [contract];
  throw new CannotRun({
    what: `there is no contract of table ${named}`,
    where: config.contracts,
    fix: `name one of ${[...contracts.keys()].join(', ')}`,
  });
}

function verifiedText(verified: Verified): string {
  const { sink, table, equal, rows, partial, counts, differences, unsettled, uncompared, seconds } =
    verified;
  const found = Object.entries(counts).map(([kind, count]) => `${count} ${kind}`);
  const lines = [
    `${sink.padEnd(10)} ${table}: ${equal ? 'equal' : `differs: ${found.join(', ')}`}, ${rows} ${sink === 'clickhouse' ? 'changes' : 'rows'}, ${seconds} s`,
    ...(partial ? ['  of what came before the topic begins, nothing was compared'] : []),
    ...(unsettled > 0 ? [`  ${unsettled} rows changed whenever they were looked at`] : []),
    ...(uncompared.length > 0 ? [`  not compared: column ${uncompared.join(', ')}`] : []),
    ...differences.map((difference) => `  ${differenceText(difference)}`),
  ];
  return lines.join('\n');
}

const differenceText = ({ kind, key, change, relationship }: ToldDifference): string =>
  [kind.padEnd(12), key, change ?? relationship ?? ''].join(' ').trimEnd();
