import type { PlannedContract } from '../contracts/policy/plan.ts';
import type { TablePlans } from '../contracts/policy/table-plans.ts';
import { Refusal } from '../schemas/refusal.ts';
import { unchanged } from '../schemas/value.ts';
import { changeRedaction, type Redact, redactedColumns, rowRedaction } from './redact.ts';
import type { ColumnSealer } from './seal-column.ts';
import type { Tokeniser } from './tokens.ts';

/** Redacts the changes of a table, each image by the plan of whose it is. Where no tenant has rules of its own, nobody asks. */
export function tableRedaction(plans: TablePlans, tokens: Tokeniser, seals: ColumnSealer): Redact {
  const { form, everybody } = plans;
  const { tenant } = everybody;
  const ways = waysOf(plans, (plan) => rowRedaction(redactedColumns(plan, tokens, form)));
  return changeRedaction(
    everybody,
    (image) => {
      const told = tenant === null ? null : image?.[tenant];
      return ways(told === null || told === undefined || told === unchanged ? null : `${told}`);
    },
    seals,
  );
}

/** What is made of each plan, by the tenant of a row; null is a row that does not tell it. Throws a `Refusal` if it must. */
export function waysOf<Way>(
  { everybody, tenants, untold }: TablePlans,
  make: (plan: PlannedContract) => Way,
): (tenant: string | null) => Way {
  const all = make(everybody);
  const { table, tenant: column } = everybody;
  if (tenants.size === 0 || column === null) return () => all;

  const own = new Map([...tenants].map(([name, plan]) => [name, make(plan)]));
  const anybody = untold && make(untold);
  return (tenant) => {
    if (tenant !== null) return own.get(tenant) ?? all;
    if (anybody) return anybody;
    throw new Refusal(
      'no-tenant',
      `table ${table}: a change does not tell its tenant (column ${column}), and policy has the keys of some tenants differ; ALTER TABLE ${table} REPLICA IDENTITY FULL`,
    );
  };
}
