import { CannotRun } from '../../contracts/cannot-run.ts';
import type { TableContract } from '../../contracts/contract.ts';
import { hiddenColumns, narrowedColumns } from '../../contracts/policy/narrowed-columns.ts';
import { plansInUse } from '../policy/active.ts';
import type { Setting } from './setting.ts';

/** Refuses to tell, in regions of k, what the active revision of the policy has narrower than its contract. */
export async function refuseNarrowed(
  { config, contracts }: Pick<Setting, 'config' | 'contracts'>,
  tables: readonly TableContract[],
): Promise<void> {
  const plans = await plansInUse(config, contracts);
  for (const contract of tables) {
    const { anon } = contract;
    const own = plans.get(contract.table);
    if (!anon || !own) continue;
    const names = [...anon.quasi_identifiers, ...anon.attributes];
    refuse(contract, narrowedColumns(contract, names, own), 'anon', own.everybody.policy);
  }
}

/** Refuses to add up what the active revision of the policy neither keeps nor generalises any more. */
export async function refuseHidden(
  { config, contracts }: Pick<Setting, 'config' | 'contracts'>,
  tables: readonly TableContract[],
): Promise<void> {
  const plans = await plansInUse(config, contracts);
  for (const contract of tables) {
    const own = plans.get(contract.table);
    if (!contract.dp || !own) continue;
    const names = contract.dp.queries.flatMap(({ column }) => column ?? []);
    refuse(contract, hiddenColumns(contract, names, own), 'dp', own.everybody.policy);
  }
}

function refuse(
  { table }: TableContract,
  columns: readonly string[],
  property: 'anon' | 'dp',
  policy: string,
): void {
  const [first] = columns;
  if (first === undefined) return;
  throw new CannotRun({
    what: `policy ${policy} is stricter with ${columns.map((name) => `${table}.${name}`).join(', ')} than its contract, and ${property} knows of no policy: it would tell what the policy hides`,
    where: `${property} of table ${table}`,
    fix: `take ${first} out of ${property}, give it in its contract the rule that the policy has for it, or activate a revision that tells it`,
  });
}
