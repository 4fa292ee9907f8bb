import type { ColumnContract, Rule, TableContract } from '../contract.ts';
import { topOf } from '../hierarchy.ts';
import { isBlurred, lattice } from '../strictness.ts';
import { PolicyFailure } from './bundle.ts';

/** What is done, and for `generalise` to which level. */
export interface Treatment {
  readonly action: Rule;
  readonly to: number;
}

/** The stricter of two. */
export function stricter(a: Treatment, b: Treatment): Treatment {
  const [first, second] = [lattice.indexOf(a.action), lattice.indexOf(b.action)];
  if (first === second) return a.to >= b.to ? a : b;
  return first > second ? a : b;
}

/** Who decided: the contract, the redaction of what is sensitive, or the rules of a level. */
export type DecidedBy = 'contract' | 'redact' | 'tenant' | 'dataset' | 'purpose';

export interface ColumnPlan extends Treatment {
  readonly name: string;
  readonly level: DecidedBy;
  readonly rules: readonly string[];
}

/** Rules of one level that wish different things; the strictest of them counts. */
export interface Conflict {
  readonly column: string;
  readonly level: string;
  readonly rules: readonly string[];
  readonly actions: readonly string[];
}

/** The decision for one (policy revision, tier, purpose, contract), and tenant where it has rules of its own. */
export interface MaskPlan {
  readonly revision: string; // Of the policy.
  readonly contract: string; // Its revision.
  readonly table: string;
  readonly tier: string;
  readonly purpose: string;
  readonly tenant: string | null; // Null where no rule is this tenant's own.
  readonly columns: readonly ColumnPlan[]; // As many as the contract has, in its order.
  readonly conflicts: readonly Conflict[];
}

/** A contract of which every column says what its mask plan does with it, and under which policy. */
export type PlannedContract = TableContract & { readonly policy: string };

/** What a contract itself does with a column. */
export const promisedTreatment = ({ rule, hierarchy }: ColumnContract): Treatment => ({
  action: rule,
  to: rule === 'generalise' ? (hierarchy?.level ?? 0) : 0,
});

/** The contract as a plan narrows it. A plan of another contract is refused: a column would go without a decision. */
export function narrowed(contract: TableContract, plan: MaskPlan): PlannedContract {
  const { table, revision } = contract;
  if (plan.table !== table || plan.contract !== revision)
    throw new PolicyFailure({
      what: `a mask plan of ${plan.table}@${plan.contract} is no plan for ${table}@${revision}`,
      where: `policy ${plan.revision}`,
      fix: 'evaluate the policy for this contract',
    });
  const columns = contract.columns.map((column, at): ColumnContract => {
    const planned = plan.columns[at];
    if (planned?.name !== column.name) return { ...column, rule: 'drop' };
    const { action, to } = stricter(promisedTreatment(column), planned);
    if (action !== 'generalise') return { ...column, rule: action };
    if (!column.hierarchy) return { ...column, rule: 'mask' };
    const level = Math.min(to, topOf(column.hierarchy));
    return { ...column, rule: action, hierarchy: { ...column.hierarchy, level } };
  });
  return { ...contract, columns, policy: `${plan.revision}/${revision}` };
}

/** Why a stream cannot be published by these plans: its rows could not be told apart, or would not meet any more. */
export function* unpublishable(planned: readonly PlannedContract[]): Generator<string> {
  const ruleAt = new Map(
    planned.flatMap(({ table, columns }) =>
      columns.map(({ name, rule }) => [`${table}.${name}`, rule] as const),
    ),
  );
  for (const { table, key, columns, graph, join } of planned) {
    const follows = [...(graph?.relationships ?? []), ...(join ? [join.from, join.to] : [])];
    const ends = new Set(follows.map(({ column }) => column));
    for (const { name, rule, references } of columns) {
      const place = `table ${table}, column ${name}`;
      if (isBlurred(rule) && key.includes(name))
        yield `${place}: is of the key, and would ${rule}: no sink could tell rows apart`;
      if (isBlurred(rule) && ends.has(name))
        yield `${place}: is followed by a relationship, and would ${rule}`;
      const theirs = references && ruleAt.get(`${references.table}.${references.column}`);
      const both = [rule, theirs];
      if (both.includes('keep') && both.includes('tokenise'))
        yield `${place}: would ${rule}, and ${references?.table}.${references?.column}, which it points to, ${theirs}: they would never meet`;
    }
  }
}
