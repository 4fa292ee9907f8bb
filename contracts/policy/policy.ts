import { loadPolicy as loadWasm } from '@open-policy-agent/opa-wasm';
import { z } from 'zod';
import { wordsOf } from '../error-words.ts';
import type { ColumnContract, TableContract } from '../contract.ts';
import { topOf } from '../hierarchy.ts';
import { lattice } from '../strictness.ts';
import { type PolicyBundle, PolicyFailure } from './bundle.ts';
import type { PolicyData } from './rules.ts';
import {
  type ColumnPlan,
  type DecidedBy,
  type MaskPlan,
  promisedTreatment,
  stricter,
} from './plan.ts';

/** Who reads, and what for. Roles that no rule names make no difference. */
export interface Reader {
  readonly roles: readonly string[];
  readonly purpose: string;
}

/** Whether somebody may do something: what every `@auth(abac: "…")` asks. */
export interface Question extends Reader {
  readonly action: string; // `admin.write`
  readonly tenant: string | null;
  readonly dataset: string | null;
  readonly scopes: readonly string[] | null; // What a token is bound to; null if it is not.
}

export interface Decision {
  readonly revision: string;
  readonly action: string;
  readonly allow: boolean;
  readonly level: 'none' | 'scope' | 'tenant' | 'dataset' | 'purpose';
  readonly rules: readonly string[]; // The grants that decided.
  readonly conflicts: readonly string[]; // Levels whose grants allow and deny at once: they deny.
}

/** One revision of the policies, ready to decide. */
export interface Policy {
  readonly revision: string;

  /** What it decides by. */
  readonly data: PolicyData;

  /** The tenants that have rules of their own: a plan of theirs may differ from everybody's. */
  readonly tenants: ReadonlySet<string>;

  /** The tier that roles come to: those of them that a rule may name. */
  tierOf(roles: readonly string[]): string;

  /** Evaluated once and kept; throws `PolicyFailure`, and then nothing may pass. */
  plan(contract: TableContract, reader: Reader, tenant?: string | null): MaskPlan;

  /** Refuses whatever it cannot decide. */
  decide(question: Question): Decision;
}

const names = z.array(z.string());
const levels = z.enum(['contract', 'redact', 'tenant', 'dataset', 'purpose']);

const planAnswer = z.strictObject({
  columns: z.array(
    z.strictObject({
      name: z.string(),
      action: z.enum(lattice),
      to: z.int().min(0),
      level: levels,
      rules: names,
    }),
  ),
  conflicts: z.array(
    z.strictObject({ column: z.string(), level: z.string(), rules: names, actions: names }),
  ),
});

const decisionAnswer = z.strictObject({
  action: z.string(),
  allow: z.boolean(),
  level: z.enum(['none', 'scope', 'tenant', 'dataset', 'purpose']),
  rules: names,
  conflicts: z.array(z.strictObject({ level: z.string(), rules: names, actions: names })),
});

/** Evaluates one entrypoint on one input: what came of it, or nothing. */
type Evaluate = (entrypoint: string, input: object) => unknown;

/** Loads a bundle; throws `PolicyFailure` if it is no wasm of policies. */
export async function loadPolicy(bundle: PolicyBundle): Promise<Policy> {
  const { revision, wasm, dataText } = bundle;
  try {
    const loaded = await loadWasm(new Uint8Array(wasm));
    loaded.setData(JSON.parse(dataText) as object);
    return policyOf(bundle, (entrypoint, input) => {
      const answers: unknown = loaded.evaluate(input, entrypoint);
      const [first] = z.array(z.object({ result: z.unknown() })).parse(answers);
      return first?.result;
    });
  } catch (cause) {
    throw new PolicyFailure(
      {
        what: `policy ${revision} cannot be loaded: ${wordsOf(cause)}`,
        where: 'its policy.wasm',
        fix: 'conductor policy build, with opa 1.22, and publish what it writes',
      },
      { cause },
    );
  }
}

/** A policy whose answers come from `evaluate`: they are believed in nothing but what narrows. */
export function policyOf(
  { revision, data }: Pick<PolicyBundle, 'revision' | 'data'>,
  evaluate: Evaluate,
): Policy {
  const plans = new Map<string, MaskPlan>();
  const known = (roles: readonly string[]) => data.roles.filter((role) => roles.includes(role));
  const tierOf = (roles: readonly string[]) => known(roles).join('+') || 'none';
  const tenants = new Set(data.rules.flatMap(({ when }) => when.tenants ?? []));

  return {
    revision,
    data,
    tenants,
    tierOf,
    plan(contract, reader, tenant = null) {
      const own = tenant !== null && tenants.has(tenant) ? tenant : null;
      const { table, revision: promised } = contract;
      const tier = tierOf(reader.roles);
      const name = JSON.stringify([table, promised, tier, reader.purpose, own]);
      let plan = plans.get(name);
      if (!plan) {
        const head = { revision, contract: promised, table, tier, purpose: reader.purpose };
        const input = inputOf(contract, { ...reader, roles: known(reader.roles) }, own);
        const answer = answered(planAnswer, evaluate, 'intelgraph/policy/v2/plan', input, head);
        const columns = columnsOf(contract, answer.columns, head);
        plan = { ...head, tenant: own, columns, conflicts: answer.conflicts };
        plans.set(name, plan);
      }
      return plan;
    },
    decide({ roles, scopes, ...asked }) {
      const input = { ...asked, user: { roles: known(roles), scopes } };
      const head = { revision, table: asked.dataset ?? 'none', purpose: asked.purpose };
      const entrypoint = 'intelgraph/policy/v2/decision';
      const answer = answered(decisionAnswer, evaluate, entrypoint, input, head);
      const { allow, level, rules, conflicts } = answer;
      return {
        revision,
        action: asked.action,
        allow: allow && answer.action === asked.action,
        level,
        rules,
        conflicts: conflicts.map((each) => each.level),
      };
    },
  };
}

interface Head {
  readonly revision: string;
  readonly table: string;
  readonly purpose: string;
}

/** The head of v2.rego says what these mean. */
function inputOf({ table, columns }: TableContract, reader: Reader, tenant: string | null) {
  return {
    dataset: table,
    purpose: reader.purpose,
    tenant,
    user: { roles: reader.roles },
    columns: columns.map((column) => {
      const { name, classification, sensitivity, rule, hierarchy } = column;
      const { to } = promisedTreatment(column);
      const top = hierarchy ? topOf(hierarchy) : 0;
      return { name, classification, sensitivity, rule, to, top };
    }),
  };
}

function answered<Answer>(
  form: z.ZodType<Answer>,
  evaluate: Evaluate,
  entrypoint: string,
  input: object,
  head: Head,
): Answer {
  let answer: unknown;
  try {
    answer = evaluate(entrypoint, input);
  } catch (cause) {
    throw failed(head, `it cannot be evaluated (${wordsOf(cause)})`, { cause });
  }
  if (answer === undefined)
    throw failed(head, `it decides nothing: is ${head.purpose} among its purposes?`);
  const result = form.safeParse(answer);
  if (!result.success) {
    const places = result.error.issues.map(({ path }) => path.join('.') || 'all of it');
    throw failed(head, `its answer is not of the form that was agreed on: ${places.join(', ')}`);
  }
  return result.data;
}

/** One decision per column of the contract, in its order, each at least as strict as the contract. */
function columnsOf(
  { columns }: TableContract,
  answered: readonly ColumnPlan[],
  head: Head,
): readonly ColumnPlan[] {
  const byName = Map.groupBy(answered, ({ name }) => name);
  const known = new Set(columns.map(({ name }) => name));
  for (const name of byName.keys())
    if (!known.has(name)) throw failed(head, `it decides of a column that no contract has`);
  return columns.map((column): ColumnPlan => {
    const [own, twice] = byName.get(column.name) ?? [];
    if (!own || twice) throw failed(head, `it decides ${twice ? 'twice' : 'nothing'}`, { column });
    const promised = promisedTreatment(column);
    checkHeight(own, column, head);
    const treatment = stricter(promised, own);
    if (treatment === own) return own;
    const level: DecidedBy = 'contract';
    return { ...promised, name: column.name, level, rules: [] };
  });
}

/** A column without a hierarchy has no classes, and one with it no more than it has. */
function checkHeight({ action, to, rules }: ColumnPlan, column: ColumnContract, head: Head): void {
  const top = column.hierarchy ? topOf(column.hierarchy) : 0;
  if (action === 'generalise' ? to >= 1 && to <= top : to === 0) return;
  throw failed(
    head,
    `${rules.join(', ') || 'it'} wishes level ${to} of a hierarchy that ends at ${top}`,
    { column },
  );
}

function failed(
  { revision, table, purpose }: Head,
  what: string,
  { column, cause }: { readonly column?: ColumnContract; readonly cause?: unknown } = {},
): PolicyFailure {
  const place = column ? `table ${table}, column ${column.name}` : `table ${table}`;
  return new PolicyFailure(
    {
      what: `policy ${revision} fails: ${what}; nothing of it passes`,
      where: `${place}, purpose ${purpose}`,
      fix: 'correct contracts/policies, then conductor policy build and publish; conductor policy list shows what may be activated instead',
    },
    { cause },
  );
}
