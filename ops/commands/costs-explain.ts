import type { Command } from 'commander';
import { aligned } from '../aligned.ts';
import type { Moved } from '../../processors/costs/explain.ts';
import { type NanoUsd, usdText } from '../../schemas/money.ts';
import { monthBefore } from '../costs/calendar.ts';
import { explainMonth } from '../costs/explain-month.ts';
import { openCosts } from '../costs/open-costs.ts';
import { configFile, configOption } from './config-file.ts';
import { monthOf } from './costs-close.ts';
import { numbersRight } from './numbers-right.ts';

interface ExplainFlags {
  readonly config?: string;
  readonly month: string;
  readonly from?: string;
  readonly tenant?: string;
  readonly json?: boolean;
}

/** Adds `conductor costs explain`. */
export function explainCommands(costs: Command): void {
  costs
    .command('explain')
    .summary('why a month costs more or less than another')
    .description(
      'Tells for each unit, operation and dataset how much of the difference is volume (more of the unit was used), price, mix (another part of what was used of it, or another tier) and allocation (shares of what all share, and corrections). They add up to the difference, exactly. Old prices are those of the last day of the earlier month.',
    )
    .addOption(configOption())
    .requiredOption('--month <month>', 'for example 2026-11', monthOf)
    .option('--from <month>', 'the earlier month (default: the one before)', monthOf)
    .option('--tenant <name>', 'of this tenant only')
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  conductor costs explain --month 2026-11 --tenant acme')
    .action(explain);
}

async function explain({ config, month, from = monthBefore(month), tenant, json }: ExplainFlags) {
  await using costs = await openCosts(await configFile(config));
  const moved = (await explainMonth(costs, { from, month, tenant: tenant ?? null })).toSorted(
    (a, b) => (size(b) > size(a) ? 1 : size(b) < size(a) ? -1 : 0),
  );
  process.stdout.write(json ? `${jsonOf(from, month, moved)}\n` : textOf(from, month, moved));
}

/** By how much it moved, up or down. */
function size({ before, after }: Moved): NanoUsd {
  const by = after - before;
  return by < 0n ? -by : by;
}

const effects = ['before', 'after', 'volume', 'price', 'mix', 'allocation'] as const;

const totals = (moved: readonly Moved[]) =>
  effects.map((effect) => moved.reduce((sum, each) => sum + each[effect], 0n));

function jsonOf(from: string, month: string, moved: readonly Moved[]): string {
  const texts = (amounts: readonly NanoUsd[]) =>
    Object.fromEntries(effects.map((effect, n) => [effect, usdText(amounts[n] ?? 0n)]));
  return JSON.stringify({
    from,
    month,
    ...texts(totals(moved)),
    lines: moved.map(({ unit, operation, dataset, ...each }) => ({
      unit,
      operation,
      dataset,
      ...texts(effects.map((effect) => each[effect])),
    })),
  });
}

function textOf(from: string, month: string, moved: readonly Moved[]): string {
  if (moved.length === 0) return `nothing was used in ${from} and ${month}\n`;
  const row = (labels: readonly string[], amounts: readonly NanoUsd[]) => {
    const [before = 0n, after = 0n] = amounts;
    return [...labels, ...amounts.map(usdText), usdText(after - before)];
  };
  const rows = moved.map(({ unit, operation, dataset, ...each }) =>
    row(
      [unit, operation || '-', dataset || '-'],
      effects.map((effect) => each[effect]),
    ),
  );
  const head = [
    'unit',
    'operation',
    'dataset',
    from,
    month,
    'volume',
    'price',
    'mix',
    'allocation',
    'difference',
  ];
  const table = [head, ...rows, row(['all', '', ''], totals(moved))];
  return `${aligned(numbersRight(table, effects.length + 1)).join('\n')}\n`;
}
