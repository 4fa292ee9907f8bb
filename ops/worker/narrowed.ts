import { CannotRun } from '../../contracts/cannot-run.ts';
import type { TableContract } from '../../contracts/contract.ts';
import { hiddenColumns, narrowedColumns } from '../../contracts/policy/narrowed-columns.ts';
import { type TablePlans, tablePlans } from '../../contracts/policy/table-plans.ts';
import { livePolicy } from '../policy/live-policy.ts';
import { PolicyHold } from './policy-hold.ts';
import type { Setting } from './setting.ts';

/** What a property of a contract tells, and the columns of it that a policy hides. */
export interface Telling {
  readonly property: 'anon' | 'dp';
  readonly hidden: (contract: TableContract, plans: TablePlans) => readonly string[];
}

/** In regions of k: what the policy has narrower than its contract. */
export const tellsRegions: Telling = {
  property: 'anon',
  hidden(contract, plans) {
    const { anon } = contract;
    const names = anon ? [...anon.quasi_identifiers, ...anon.attributes] : [];
    return narrowedColumns(contract, names, plans);
  },
};

/** Added up: what the policy neither keeps nor generalises any more. */
export const tellsSums: Telling = {
  property: 'dp',
  hidden(contract, plans) {
    const names = contract.dp?.queries.flatMap(({ column }) => column ?? []) ?? [];
    return hiddenColumns(contract, names, plans);
  },
};

/**
 * Follows the active revision of the policy, as long as `stack` is not disposed of. Throws where it hides something that
 * is told; once a later one does, the hold ends by the same words.
 */
export async function heldToPolicy(
  stack: AsyncDisposableStack,
  { kafka, config, contracts, counters }: Setting,
  telling: Telling,
): Promise<PolicyHold> {
  const hold = new PolicyHold();
  stack.use(
    await livePolicy(kafka, config, counters, (policy) => {
      const plans = tablePlans(policy, contracts, config.govern);
      for (const contract of contracts.values()) {
        const own = plans.get(contract.table);
        const columns = own ? telling.hidden(contract, own) : [];
        if (own && columns.length > 0)
          hold.end(refusal(contract, columns, telling.property, own.everybody.policy));
      }
    }),
  );
  hold.check();
  return hold;
}

function refusal(
  { table }: TableContract,
  columns: readonly string[],
  property: Telling['property'],
  policy: string,
): CannotRun {
  return new CannotRun({
    what: `policy ${policy} is stricter with ${columns.map((name) => `${table}.${name}`).join(', ')} than its contract, and ${property} knows of no policy: it would tell what the policy hides`,
    where: `${property} of table ${table}`,
    fix: `take ${columns[0]} out of ${property}, give it in its contract the rule that the policy has for it, or activate a revision that tells it`,
  });
}
