import type { TableContract } from '../../contracts/contract.ts';
import type { Forms } from '../wal/forms.ts';
import type { TableFault } from '../wal/tables.ts';
import type { Runs } from './runs.ts';

/**
 * Asks for the rows of tables that gained a contract after the stream had begun, whoever published them:
 * those of which nothing was ever captured, and no whole copy asked for. What is not as promised waits
 * until it is mended. Returns them.
 */
export async function requestLateCopies(
  { runs, forms }: { readonly runs: Runs; readonly forms: Forms },
  contracts: ReadonlyMap<string, TableContract>,
  faults: readonly TableFault[],
): Promise<readonly string[]> {
  const whole = (await runs.all()).filter(({ condition }) => condition === null);
  const others = new Set([...whole, ...faults].map(({ table }) => table));
  const late: string[] = [];
  for (const { table, outbox } of contracts.values())
    if (!outbox && !others.has(table) && !(await forms.known(table))) late.push(table);
  for (const table of late) await runs.request(table, null);
  return late;
}
