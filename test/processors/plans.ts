import type { Rule, TableContract } from '../../contracts/contract.ts';
import { policyOf } from '../../contracts/policy/policy.ts';
import type { PolicyData } from '../../contracts/policy/rules.ts';
import { type TablePlans, tablePlans } from '../../contracts/policy/table-plans.ts';

/** The plans of a table by which column gets what; a tenant that is named has rules of its own. */
export function plansOf(
  of: TableContract,
  decide: (column: string, tenant: string | null) => Rule,
  tenants: readonly string[] = [],
): TablePlans {
  const rule: PolicyData['rules'][number] = {
    name: 'r',
    level: 'tenant',
    when: { tenants: [...tenants] },
    action: 'mask',
  };
  const data = {
    purposes: ['operations'],
    roles: [],
    rules: tenants.length > 0 ? [rule] : [],
    grants: [],
  };
  const policy = policyOf({ revision: 'p1', data }, (_, input) => {
    const { tenant, columns } = input as {
      tenant: string | null;
      columns: readonly { name: string }[];
    };
    return {
      columns: columns.map(({ name }) => {
        const action = decide(name, tenant);
        return { name, action, to: action === 'generalise' ? 1 : 0, level: 'tenant', rules: [] };
      }),
      conflicts: [],
    };
  });
  return tablePlans(policy, new Map([[of.table, of]]), {
    roles: [],
    purpose: 'operations',
  }).get(of.table)!;
}
