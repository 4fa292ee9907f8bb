import type { TableContract } from '../contract.ts';
import type { Conflict } from './plan.ts';
import type { Policy, Reader } from './policy.ts';

export interface TableConflict extends Conflict {
  readonly table: string;
}

/** Where rules of one level disagree for a reader, whether of everybody's rows or of a tenant's; each of them once. */
export function conflictsOf(
  policy: Policy,
  contracts: ReadonlyMap<string, TableContract>,
  reader: Reader,
): readonly TableConflict[] {
  const all = [...contracts.values()].flatMap((contract) =>
    [null, ...policy.tenants].flatMap((tenant) =>
      policy
        .plan(contract, reader, tenant)
        .conflicts.map((conflict) => ({ table: contract.table, ...conflict })),
    ),
  );
  return [...new Map(all.map((conflict) => [JSON.stringify(conflict), conflict])).values()];
}

/** What a person is told of it, beside the table or the revision that it is in. */
export const conflictText = ({ column, level, rules, actions }: Conflict): string =>
  `column ${column}: the ${level} rules ${rules.join(' and ')} wish ${actions.join(' and ')}; the strictest counts`;
