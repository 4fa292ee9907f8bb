import type { ColumnContract, TableContract } from '../../contracts/contract.ts';
import { type Hierarchy, topOf } from '../../contracts/hierarchy.ts';
import { PolicyFailure } from '../../contracts/policy/bundle.ts';
import { compare } from '../../contracts/policy/compare.ts';
import type { ColumnPlan, Conflict, MaskPlan, Treatment } from '../../contracts/policy/plan.ts';
import type { Policy, Reader } from '../../contracts/policy/policy.ts';
import { mask } from '../../processors/redact.ts';
import { kindOf } from '../../schemas/avro.ts';

/** What a revision does with a column, and what its values then look like: their shape by type, for no value is read. */
export type Shown = Omit<ColumnPlan, 'name'> & { readonly sample: string };

export interface PreviewedColumn {
  readonly column: string;
  readonly classification: ColumnContract['classification'];
  readonly sensitivity: ColumnContract['sensitivity'];
  readonly rule: ColumnContract['rule']; // What its contract promises.
  readonly active: Shown | null; // Null where the revision cannot be evaluated.
  readonly other: Shown | null;
  readonly differs: boolean;
}

interface Side {
  readonly revision: string;
  readonly failed: string | null; // Why it cannot be evaluated: then nothing passes.
  readonly conflicts: readonly Conflict[];
}

/** Two revisions beside each other, for one reader of one table. */
export interface Preview {
  readonly table: string;
  readonly tier: string;
  readonly purpose: string;
  readonly tenant: string | null;
  readonly active: Side;
  readonly other: Side | null;
  readonly columns: readonly PreviewedColumn[];
}

/** A revision, or why it could not even be loaded. */
export type Loaded = Policy | { readonly revision: string; readonly failure: PolicyFailure };

/** Shows what revisions do for a reader, column by column. */
export function preview(
  contract: TableContract,
  { tenant, ...reader }: Reader & { readonly tenant: string | null },
  { active, other }: { readonly active: Policy; readonly other: Loaded | null },
): Preview {
  const planned = planBy(active, contract, reader, tenant);
  const beside = other && planBy(other, contract, reader, tenant);
  const differing = new Set(
    planned.plan && beside?.plan
      ? compare(planned.plan, beside.plan).map(({ column }) => column)
      : [],
  );
  return {
    table: contract.table,
    tier: active.tierOf(reader.roles),
    purpose: reader.purpose,
    tenant,
    active: planned.side,
    other: beside?.side ?? null,
    columns: contract.columns.map((column, at) => ({
      column: column.name,
      classification: column.classification,
      sensitivity: column.sensitivity,
      rule: column.rule,
      active: shown(column, planned.plan?.columns[at]),
      other: shown(column, beside?.plan?.columns[at]),
      differs: differing.has(column.name),
    })),
  };
}

function planBy(
  loaded: Loaded,
  contract: TableContract,
  reader: Reader,
  tenant: string | null,
): { readonly plan: MaskPlan | null; readonly side: Side } {
  const { revision } = loaded;
  try {
    if ('failure' in loaded) throw loaded.failure;
    const plan = loaded.plan(contract, reader, tenant);
    return { plan, side: { revision, failed: null, conflicts: plan.conflicts } };
  } catch (error) {
    if (!(error instanceof PolicyFailure)) throw error;
    return { plan: null, side: { revision, failed: error.trouble.what, conflicts: [] } };
  }
}

function shown(column: ColumnContract, plan: ColumnPlan | undefined): Shown | null {
  if (!plan) return null;
  const { name: _, ...decided } = plan;
  return { ...decided, sample: sampleOf(column, plan) };
}

/** The shape of a treated value: 9 stands for a digit, a for a letter. */
function sampleOf(
  { type, hierarchy, tokenForm }: ColumnContract,
  { action, to }: Treatment,
): string {
  switch (action) {
    case 'keep':
      return shapes[kindOf(type)];
    case 'mask':
      return mask;
    case 'tokenise':
      return tokenForm ? tokenShapes[tokenForm] : 'a'.repeat(22);
    case 'generalise':
      return hierarchy ? classShape(hierarchy, to) : '*';
    case 'seal':
      return 'a sealed box';
    case 'drop':
      return '';
  }
}

const tokenShapes = { digits: '999 999 99 99', alphanumeric: 'aa99 9999 9999' } as const;

function classShape(hierarchy: Hierarchy, to: number): string {
  if (to >= topOf(hierarchy)) return '*';
  switch (hierarchy.kind) {
    case 'intervals':
      return '[99,99)';
    case 'tree':
      return 'aaaa';
    case 'prefixes':
      return `${'a'.repeat(hierarchy.lengths[to - 1] ?? 0)}*`;
  }
}

const shapes: Readonly<Record<ReturnType<typeof kindOf>, string>> = {
  int: '999',
  long: '999999',
  float: '99.9',
  double: '99.99',
  boolean: 'true or false',
  string: 'aaaa aaaa',
  bytes: 'bytes',
  uuid: 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa',
  date: '9999-99-99',
  time: '99:99:99',
  timestamp: '9999-99-99 99:99:99',
  timestamptz: '9999-99-99 99:99:99+99',
  decimal: '99.99',
};
