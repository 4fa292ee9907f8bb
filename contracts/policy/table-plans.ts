import type { Rule, TableContract } from '../contract.ts';
import { PolicyFailure } from './bundle.ts';
import {
  narrowed,
  type PlannedContract,
  promisedTreatment,
  stricter,
  unpublishable,
} from './plan.ts';
import type { Policy, Reader } from './policy.ts';

/** A table under one revision, for one reader: what is done for everybody, and for whoever has rules of their own. */
export interface TablePlans {
  readonly form: PlannedContract; // What rows have on the way out, whoever's they are: a topic has one schema at a time.
  readonly everybody: PlannedContract;
  readonly tenants: ReadonlyMap<string, PlannedContract>;
  readonly untold: PlannedContract | null; // For rows that do not tell whose they are; null: their key could be anybody's.
}

/** Plans every table; throws `PolicyFailure` if one cannot be planned, or its rows could not be told apart any more. */
export function tablePlans(
  policy: Policy,
  contracts: ReadonlyMap<string, TableContract>,
  reader: Reader,
): ReadonlyMap<string, TablePlans> {
  const planned = (tenant: string | null) =>
    new Map(
      [...contracts].map(([table, contract]) => [
        table,
        narrowed(contract, policy.plan(contract, reader, tenant)),
      ]),
    );
  const everybody = planned(null);
  const own = [...policy.tenants].map((tenant) => [tenant, planned(tenant)] as const);
  for (const plans of [everybody, ...own.map(([, each]) => each)]) {
    const faults = [...unpublishable([...plans.values()])];
    if (faults.length > 0)
      throw new PolicyFailure({
        what: `policy ${policy.revision} cannot be published by: ${faults.join('; ')}`,
        where: `tier ${policy.tierOf(reader.roles)}, purpose ${reader.purpose}`,
        fix: 'have its rules keep or tokenise these columns, and those that point to each other alike',
      });
  }
  return new Map(
    [...everybody].map(([table, all]) => {
      const different = own.flatMap(([tenant, plans]) => {
        const theirs = plans.get(table);
        // A tenant rule can only speak where rows tell their tenant.
        return theirs && all.tenant !== null ? [[tenant, theirs] as const] : [];
      });
      const plans = [all, ...different.map(([, theirs]) => theirs)];
      const form = formOf(all, plans);
      const untold = strictestOf(all, plans);
      return [table, { form, everybody: all, tenants: new Map(different), untold }];
    }),
  );
}

const rulesAt = (plans: readonly PlannedContract[], at: number): ReadonlySet<Rule> =>
  new Set(plans.map(({ columns }) => columns[at]?.rule ?? 'drop'));

/** A column is there if anybody's is, and keeps its type if nobody's is made text. */
function formOf(all: PlannedContract, plans: readonly PlannedContract[]): PlannedContract {
  if (plans.length === 1) return all;
  const columns = all.columns.map((column, at) => {
    const [only = 'drop' as const, ...others] = [...rulesAt(plans, at)].filter(
      (rule) => rule !== 'drop',
    );
    return { ...column, rule: others.length === 0 ? only : ('mask' as const) };
  });
  return { ...all, columns };
}

/** As strict with each column as anybody's plan. What has the key of one tenant's rows has nothing of another's. */
function strictestOf(
  all: PlannedContract,
  plans: readonly PlannedContract[],
): PlannedContract | null {
  if (all.columns.some(({ name }, at) => all.key.includes(name) && rulesAt(plans, at).size > 1))
    return null;
  const columns = all.columns.map((column, at) =>
    plans.reduce((strictest, plan) => {
      const other = plan.columns[at] ?? { ...column, rule: 'drop' as const };
      const [a, b] = [promisedTreatment(strictest), promisedTreatment(other)];
      return stricter(a, b) === b ? other : strictest;
    }, column),
  );
  return { ...all, columns };
}
