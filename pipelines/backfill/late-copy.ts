import type { TableContract } from '../../contracts/contract.ts';
import type { Forms } from '../wal/forms.ts';
import type { Runs } from './runs.ts';

/**
 * Asks for the rows of tables before they are published: of what happened to them until then nobody
 * tells, though they may have been captured once. Returns those that are not asked for already.
 */
export async function requestCopies(
  runs: Runs,
  tables: readonly string[],
): Promise<readonly string[]> {
  const open = (await runs.all()).filter(
    ({ condition, status }) => condition === null && openStatuses.has(status),
  );
  const due = tables.filter((table) => !open.some((run) => run.table === table));
  for (const table of due) await runs.request(table, null);
  return due;
}

/**
 * Asks for the rows of tables that gained a contract after the stream had begun, whoever published them:
 * those of which nothing was ever captured, and no whole copy asked for. Returns them.
 */
export async function requestLateCopies(
  runs: Runs,
  forms: Forms,
  contracts: ReadonlyMap<string, TableContract>,
): Promise<readonly string[]> {
  const asked = new Set(
    (await runs.all()).flatMap(({ table, condition }) => (condition === null ? [table] : [])),
  );
  const late: string[] = [];
  for (const { table, outbox } of contracts.values())
    if (!outbox && !asked.has(table) && !(await forms.known(table))) late.push(table);
  for (const table of late) await runs.request(table, null);
  return late;
}

const openStatuses: ReadonlySet<string> = new Set(['waiting', 'running', 'paused']);
