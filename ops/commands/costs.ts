import { type Command, InvalidArgumentError } from 'commander';
import { aligned } from '../aligned.ts';
import { usdText } from '../../schemas/money.ts';
import { type CostLabel, costLabels, costLines, type CostLine } from '../costs/cost-lines.ts';
import { openCosts } from '../costs/open-costs.ts';
import { configFile, configOption } from './config-file.ts';
import { closeCommands, monthOf } from './costs-close.ts';
import { exportCommands } from './costs-export.ts';
import { explainCommands } from './costs-explain.ts';
import { numbersRight } from './numbers-right.ts';

interface ShowFlags {
  readonly config?: string;
  readonly month: string;
  readonly tenant?: string;
  readonly by: readonly CostLabel[];
  readonly json?: boolean;
}

/** Adds `conductor costs`. */
export function costsCommands(program: Command): void {
  const costs = program.command('costs').summary('what usage costs, and why');
  costs
    .command('show')
    .summary('what a month costs')
    .description(
      'Tells what was used in a month and what it costs, of the sums that conductor run meter keeps. Amounts are exact: a line is rounded once, to the nano-dollar.',
    )
    .addOption(configOption())
    .option('--month <month>', 'for example 2026-11', monthOf, new Date().toISOString().slice(0, 7))
    .option('--tenant <name>', 'of this tenant only')
    .option(
      '--by <labels>',
      `what lines are told apart by, of ${costLabels.join(', ')}`,
      labelsOf,
      ['tenant', 'unit'] as const,
    )
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      '\nExample:\n  conductor costs show --month 2026-11 --tenant acme --by unit,operation',
    )
    .action(show);
  explainCommands(costs);
  closeCommands(costs);
  exportCommands(costs);
}

async function show({ config: path, month, tenant, by, json = false }: ShowFlags): Promise<void> {
  await using costs = await openCosts(await configFile(path));
  const lines = await costLines(costs, { month, tenant: tenant ?? null, by });
  process.stdout.write(json ? `${jsonOf(month, lines)}\n` : textOf(month, lines, by));
}

const totalOf = (lines: readonly CostLine[]) =>
  lines.reduce((sum, { nanoUsd }) => sum + nanoUsd, 0n);

const jsonOf = (month: string, lines: readonly CostLine[]): string =>
  JSON.stringify({
    month,
    usd: usdText(totalOf(lines)),
    lines: lines.map(({ labels, quantity, events, nanoUsd, unpriced }) => ({
      ...labels,
      quantity,
      events,
      usd: usdText(nanoUsd),
      nanoUsd: `${nanoUsd}`, // A number of JSON would not hold it exactly.
      unpriced,
    })),
  });

function textOf(month: string, lines: readonly CostLine[], by: readonly CostLabel[]): string {
  if (lines.length === 0) return `nothing was used in ${month}\n`;
  const labels = costLabels.filter((label) => by.includes(label));
  const rows = lines.map(({ labels: own, quantity, events, nanoUsd }) => [
    ...labels.map((label) => own[label] || '-'),
    quantity ?? '',
    `${events}`,
    usdText(nanoUsd),
  ]);
  const head = [...labels, 'quantity', 'events', 'USD'];
  const total = [
    ...labels.map((_, at) => (at === 0 ? month : '')),
    '',
    '',
    usdText(totalOf(lines)),
  ];
  const unpriced = lines.reduce((sum, each) => sum + each.unpriced, 0);
  const table = aligned(numbersRight([head, ...rows, ...(labels.length > 0 ? [total] : [])], 3));
  const warning = `${unpriced} lines have no price: give their units one in contracts/unit-costs.yaml`;
  return `${[...table, ...(unpriced === 0 ? [] : [warning])].join('\n')}\n`;
}

function labelsOf(text: string): readonly CostLabel[] {
  return text.split(',').map((part) => {
    const label = costLabels.find((each) => each === part.trim());
    if (!label) throw new InvalidArgumentError(`say some of ${costLabels.join(', ')}.`);
    return label;
  });
}
