import { isConfidential, type TableContract } from '../../contracts/contract.ts';
import type { TablePlans } from '../../contracts/policy/table-plans.ts';

/** Whether rows of a table bear tokens: by its contract, by policy for anybody, or in the keys that capture writes. */
export const hasTokens = (contract: TableContract, plans: TablePlans | undefined): boolean =>
  [contract, ...(plans ? [plans.form, plans.everybody, ...plans.tenants.values()] : [])].some(
    ({ columns, key }) =>
      columns.some(
        (column) =>
          column.rule === 'tokenise' || (isConfidential(column) && key.includes(column.name)),
      ),
  );
