import { writeFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { aligned } from '../aligned.ts';
import { usdText } from '../../schemas/money.ts';
import { closeMonth, reopenMonth } from '../costs/close-month.ts';
import { type Closing, closings } from '../costs/closings.ts';
import { openCosts } from '../costs/open-costs.ts';
import { configFile, configOption } from './config-file.ts';
import { ownName } from './letter-filters.ts';

interface CloseFlags {
  readonly config?: string;
  readonly month: string;
  readonly by: string;
  readonly early?: boolean;
  readonly out?: string;
  readonly json?: boolean;
}

/** Adds `conductor costs close`, `reopen` and `months`. */
export function closeCommands(costs: Command): void {
  costs
    .command('close')
    .summary('close a month, for ever')
    .description(
      'Writes down what a month costs, with what all share, and what has come since of months that were closed before. From then on it never changes: what comes later is a correction in the next. To close it again gives the same bytes.',
    )
    .addOption(configOption())
    .requiredOption('--month <month>', 'for example 2026-10', monthOf)
    .option('--by <name>', 'who closes it', ownName())
    .option('--early', 'within its grace (metering.graceDays)')
    .option('--out <file>', 'where its statement is to be written, as CSV')
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  conductor costs close --month 2026-10 --out 2026-10.csv')
    .action(close);
  costs
    .command('reopen')
    .summary('open the month again that was closed last')
    .addOption(configOption())
    .requiredOption('--month <month>', 'for example 2026-10', monthOf)
    .option('--by <name>', 'who opens it', ownName())
    .addHelpText('after', '\nExample:\n  conductor costs reopen --month 2026-10')
    .action(async ({ config, month, by }: CloseFlags) => {
      await using open = await openCosts(await configFile(config));
      await reopenMonth(open, { month, who: by });
      process.stdout.write(`${month} is open again\n`);
    });
  costs
    .command('months')
    .summary('which months are closed')
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  conductor costs months --json')
    .action(async ({ config, json }: CloseFlags) => {
      await using open = await openCosts(await configFile(config));
      const all = await closings(open);
      const text = json ? JSON.stringify({ months: all.map(jsonOf) }) : linesOf(all);
      process.stdout.write(`${text}\n`);
    });
}

async function close({ config, month, by, early = false, out, json }: CloseFlags): Promise<void> {
  await using open = await openCosts(await configFile(config));
  const asked = { month, who: by, now: new Date(), early };
  const { closing, bytes, isNew } = await closeMonth(open, asked);
  if (out !== undefined) await writeFile(out, bytes);
  const { lines, nanoUsd, digest, who, at } = closing;
  const already = isNew ? '' : ` already, by ${who} at ${at}`;
  const text = `${month} is closed${already}: ${lines} lines, ${usdText(nanoUsd)} USD, SHA-256 ${digest}`;
  process.stdout.write(`${json ? JSON.stringify({ ...jsonOf(closing), isNew }) : text}\n`);
}

const jsonOf = ({ nanoUsd, ...closing }: Closing) => ({
  ...closing,
  usd: usdText(nanoUsd),
  nanoUsd: `${nanoUsd}`, // A number of JSON would not hold it exactly.
});

function linesOf(all: readonly Closing[]): string {
  if (all.length === 0) return 'no month was ever closed';
  const rows = all.map(({ month, state, lines, nanoUsd, who, at, digest }) =>
    state === 'closed'
      ? [month, state, `${lines}`, usdText(nanoUsd), who, at, digest]
      : [month, state, '', '', who, at, ''],
  );
  return aligned([['month', 'state', 'lines', 'USD', 'by', 'at', 'SHA-256'], ...rows]).join('\n');
}

export function monthOf(text: string): string {
  if (!/^\d{4}-(?:0[1-9]|1[0-2])$/.test(text))
    throw new InvalidArgumentError('say a year and a month, for example 2026-11.');
  return text;
}
