import type { Allocation } from '../../contracts/allocations.ts';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { allocate, NoBasis, type Share, type Weight } from '../../processors/costs/allocate.ts';
import type { NanoUsd } from '../../schemas/money.ts';

/** What a tenant used of a unit in a month, in parts. */
export interface Used {
  readonly tenant: string;
  readonly unit: string;
  readonly parts: bigint;
}

/** A tenant's share of a cost that all share. */
export interface SharedCost {
  readonly name: string;
  readonly method: string;
  readonly tenant: string;
  readonly nanoUsd: NanoUsd;
}

/** Shares the costs of a month among those who used anything in it. */
export function sharedCosts(
  allocations: readonly Allocation[],
  month: string,
  used: readonly Used[],
): readonly SharedCost[] {
  return allocations.flatMap((allocation) => {
    const { name, sharing } = allocation;
    const { method } = sharing;
    if (sharing.method === 'fixed') {
      const isDue = allocation.costs.size === 0 || allocation.costs.has(month);
      return isDue
        ? [...sharing.amounts].map(([tenant, nanoUsd]) => ({ name, method, tenant, nanoUsd }))
        : [];
    }
    const cost = allocation.costs.get(month);
    if (cost === undefined) return [];
    return sharesOf(cost, weightsOf(sharing, used), name).map(({ key, amount }) => ({
      name,
      method,
      tenant: key,
      nanoUsd: amount,
    }));
  });
}

function weightsOf(
  sharing: Exclude<Allocation['sharing'], { readonly method: 'fixed' }>,
  used: readonly Used[],
): readonly Weight[] {
  switch (sharing.method) {
    case 'weighted':
      return [...sharing.weights].map(([key, weight]) => ({ key, weight }));
    case 'even':
      return [...new Set(tenantsOf(used))].map((key) => ({ key, weight: 1n }));
    case 'ratio': {
      const weights = new Map<string, bigint>();
      for (const { tenant, unit, parts } of used)
        if (tenant !== '' && sharing.units.includes(unit))
          weights.set(tenant, (weights.get(tenant) ?? 0n) + parts);
      return [...weights].map(([key, weight]) => ({ key, weight }));
    }
  }
}

/** Nobody bears no share. */
const tenantsOf = (used: readonly Used[]) =>
  used.flatMap(({ tenant }) => (tenant === '' ? [] : [tenant])).toSorted();

function sharesOf(cost: NanoUsd, weights: readonly Weight[], name: string): readonly Share[] {
  try {
    return allocate(cost, weights).filter(({ amount }) => amount !== 0n);
  } catch (error) {
    if (!(error instanceof NoBasis)) throw error;
    throw new CannotRun(
      {
        what: `nobody can be given a share of ${name}: none of those whom it is shared among used anything that it is shared by`,
        where: `allocations.${name}`,
        fix: 'share it evenly, by weights, or by a unit that was used, or take the cost of this month away',
      },
      { cause: error },
    );
  }
}
