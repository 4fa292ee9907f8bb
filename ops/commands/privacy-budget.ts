import type { Command } from 'commander';
import { aligned } from '../aligned.ts';
import { loadConfig } from '../../contracts/config.ts';
import { type Account, budgets } from '../privacy/budgets.ts';
import { configFile, configOption } from './config-file.ts';

interface BudgetFlags {
  readonly config?: string;
  readonly dataset?: string;
  readonly month?: string;
  readonly json?: boolean;
}

/** Adds `conductor privacy budget`. */
export function budgetCommands(privacy: Command): void {
  privacy
    .command('budget')
    .summary('what is spent of privacy budgets, and what is left')
    .description(
      'Tells, for each month, tenant and dataset of noisy aggregates, how much of its ε is spent. What is spent is never given back.',
    )
    .addOption(configOption())
    .option('--dataset <name>', 'this dataset only, as in its topic: dp.<name>')
    .option('--month <month>', 'this month only, for example 2026-11')
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  conductor privacy budget --month 2026-11')
    .action(budget);
}

async function budget({ config, dataset, month, json = false }: BudgetFlags): Promise<void> {
  const { state } = await loadConfig(await configFile(config));
  const found = (await budgets(state.url)).filter(
    (each) => (dataset ?? each.dataset) === each.dataset && (month ?? each.month) === each.month,
  );
  if (json) process.stdout.write(`${JSON.stringify({ budgets: found })}\n`);
  else for (const line of linesOf(found)) process.stdout.write(`${line}\n`);
}

function linesOf(found: readonly Account[]): readonly string[] {
  if (found.length === 0) return ['nothing is spent yet'];
  const head = ['month', 'dataset', 'tenant', 'ε', 'noise', 'spent', 'left', 'windows withheld'];
  const rows = found.map((each) => [
    each.month,
    each.dataset,
    each.tenant ?? '-',
    `${each.epsilon}`,
    each.mechanism,
    percent(each.spentShare),
    percent(1 - each.spentShare),
    `${each.withheld}`,
  ]);
  return aligned([head, ...rows]);
}

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
