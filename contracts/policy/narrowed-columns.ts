import type { ColumnContract, Rule, TableContract } from '../contract.ts';
import { promisedTreatment, stricter } from './plan.ts';
import type { TablePlans } from './table-plans.ts';

/** Columns that a contract tells as they are, or generalised, and a policy, for everybody or for some tenant, does not. */
export const hiddenColumns = (
  contract: TableContract,
  names: readonly string[],
  plans: TablePlans,
): readonly string[] =>
  among(contract, names, plans, (column, planned) => shows(column.rule) && !shows(planned.rule));

/** Columns that a contract tells as they are, or generalised, and a policy not as finely. */
export const narrowedColumns = (
  contract: TableContract,
  names: readonly string[],
  plans: TablePlans,
): readonly string[] =>
  among(contract, names, plans, (column, planned) => {
    const [promised, own] = [promisedTreatment(column), promisedTreatment(planned)];
    const { action, to } = stricter(promised, own);
    return shows(column.rule) && (action !== promised.action || to !== promised.to);
  });

const shows = (rule: Rule): boolean => rule === 'keep' || rule === 'generalise';

function among(
  { columns }: TableContract,
  names: readonly string[],
  { everybody, tenants }: TablePlans,
  isOne: (column: ColumnContract, planned: ColumnContract) => boolean,
): readonly string[] {
  const plans = [everybody, ...tenants.values()];
  return columns.flatMap((column, at) => {
    const isAsked = names.includes(column.name);
    const planned = plans.flatMap((plan) => plan.columns[at] ?? []);
    return isAsked && planned.some((each) => isOne(column, each)) ? [column.name] : [];
  });
}
