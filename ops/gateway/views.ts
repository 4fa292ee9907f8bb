import type { TableContract } from '../../contracts/contract.ts';
import { narrowed } from '../../contracts/policy/plan.ts';
import type { Claims } from '../../contracts/token-claims.ts';
import type { Policy, Reader } from '../../contracts/policy/policy.ts';
import type { Tokeniser } from '../../processors/tokens.ts';
import { type OpenSealed, type View, viewing } from '../../processors/view.ts';
import { decided } from '../api/judge.ts';
import { concerns, type RedactionRule } from '../rollout/redaction-rules.ts';
import type { RolloutState } from '../rollout/rollout.ts';

/** What is looked at to say how somebody sees the rows of a tenant. */
export interface Seeing {
  readonly contract: TableContract;
  readonly claims: Claims;
  readonly tenant: string;
  readonly state: RolloutState;
  readonly orders: readonly RedactionRule[];
}

/** A column that policy treats otherwise than the contract alone would. */
export interface Difference {
  readonly column: string;
  readonly action: string;
}

export interface Seen {
  readonly view: View;
  /** What would change if policy held for the tenant; empty where it does. */
  readonly differences: readonly Difference[];
}

/** What views are made with. */
export interface Sight {
  readonly policy: Policy;
  readonly published: Reader; // Whom the stream publishes for: what it seals for them rests sealed.
  readonly tokens: Tokeniser;
  readonly open: OpenSealed;
}

/**
 * How a tenant's rows are seen: off and shadow as the contract alone has it, on as policy narrows it; and by a
 * person's orders, which hold in every state. In shadow, a policy that fails changes nothing.
 */
export function seenBy({ policy, published, tokens, open }: Sight, seeing: Seeing): Seen {
  const { contract, claims, tenant, state, orders } = seeing;
  const planned = () => narrowed(contract, policy.plan(contract, claims, tenant));
  const chosen = state === 'on' ? planned() : contract;
  const ordered = obeying(chosen, { orders, claims, tenant });
  const differences = state === 'shadow' ? differencesOf(contract, planned) : [];
  const sealed = new Set(
    policy
      .plan(contract, published, tenant)
      .columns.flatMap(({ name, action }) => (action === 'seal' ? [name] : [])),
  );
  const may =
    sealed.size > 0 &&
    decided(policy, 'data.unseal', claims, { tenant, dataset: contract.table }).allow;
  const view = viewing(contract, ordered, { tokens, sealed, open: may ? open : null });
  return { view, differences };
}

/** A contract without what persons have ordered hidden from this reader. */
export function obeying<Contract extends TableContract>(
  contract: Contract,
  { orders, claims, tenant }: Pick<Seeing, 'orders' | 'claims' | 'tenant'>,
): Contract {
  const hidden = new Set(
    orders
      .filter((order) => concerns(order, { roles: claims.roles, tenant }))
      .map(({ field }) => field),
  );
  if (hidden.size === 0) return contract;
  const columns = contract.columns.map((column) =>
    hidden.has(`${contract.table}.${column.name}`) &&
    column.rule !== 'drop' &&
    column.rule !== 'seal'
      ? { ...column, rule: 'mask' as const }
      : column,
  );
  return { ...contract, columns };
}

function differencesOf(
  contract: TableContract,
  planned: () => TableContract,
): readonly Difference[] {
  try {
    const { columns } = planned();
    return contract.columns.flatMap(({ name, rule, hierarchy }, at) => {
      const policy = columns[at];
      const isSame = policy?.rule === rule && policy.hierarchy?.level === hierarchy?.level;
      return isSame ? [] : [{ column: name, action: policy?.rule ?? 'drop' }];
    });
  } catch {
    return [{ column: '*', action: 'failed' }];
  }
}
