import type { Rule, TableContract } from '../../contracts/contract.ts';
import type { Policy, Reader } from '../../contracts/policy/policy.ts';

/**
 * What is done to a column before it rests, if it is what the contract promises for whoever's rows: for everybody's, and
 * for those of tenants with rules of their own. Null if some rest otherwise.
 */
export function restsAsPromised(
  contract: TableContract,
  name: string,
  { policy, published }: { readonly policy: Policy; readonly published: Reader },
): Rule | null {
  const promised = contract.columns.find((column) => column.name === name)?.rule;
  const tenants = contract.tenant === null ? [] : policy.tenants;
  const isSo = [null, ...tenants].every(
    (tenant) =>
      policy.plan(contract, published, tenant).columns.find((column) => column.name === name)
        ?.action === promised,
  );
  return (isSo && promised) || null;
}
