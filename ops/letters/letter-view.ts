import type { TableContract } from '../../contracts/contract.ts';
import { isConfidential } from '../../contracts/contract.ts';
import { narrowed, type PlannedContract } from '../../contracts/policy/plan.ts';
import type { Claims } from '../../contracts/token-claims.ts';
import { mask, type RedactedColumn, redactedColumns, toldOf } from '../../processors/redact.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { type Row, unchanged, type Unchanged, type Value } from '../../schemas/value.ts';
import { obeying, seenBy, type Sight } from '../gateway/views.ts';
import type { RedactionRule } from '../rollout/redaction-rules.ts';
import type { LetterChange } from './letter-change.ts';

/** A row of a letter as its reader may see it, each value in its text. */
export interface ShownRow {
  readonly values: Readonly<Record<string, string | null>>;
  readonly unchanged: readonly string[]; // Columns that the source did not send.
}

/** A change as its reader may see it. */
export interface ShownChange {
  readonly op: LetterChange['op'];
  readonly before: ShownRow | null;
  readonly after: ShownRow | null;
}

/** Who reads which letter, and what is looked at to say how. */
export interface LetterSight extends Sight {
  readonly contract: TableContract;
  readonly claims: Claims;
  readonly orders: readonly RedactionRule[];
}

type Which = 'before' | 'after';

/** Whose the images of a change are: each tenant once; null where one does not tell it, or its table has none. */
export function tenantsOf(
  change: LetterChange,
  { tenant: column }: Pick<TableContract, 'tenant'>,
): readonly (string | null)[] {
  const images = (['before', 'after'] as const).filter((which) => change[which]);
  const tenants = images.map((which) => (column === null ? null : tenantIn(change, which, column)));
  return tenants.length === 0 ? [null] : [...new Set(tenants)];
}

function tenantIn(change: LetterChange, which: Which, column: string): string | null {
  for (const each of [which, which === 'after' ? 'before' : 'after'] as const)
    for (const row of [change[each], change.form === 'source' ? change.secret[each] : null]) {
      const value = toldOf(row, column, unchanged);
      if (value !== unchanged && value !== null) return `${value}`;
    }
  return null;
}

/** A change by its reader's mask plan and by what persons have ordered; whether he may see it at all was asked before. */
export function shownChange(change: LetterChange, sight: LetterSight): ShownChange {
  const { op } = change;
  return { op, before: shownRow(change, 'before', sight), after: shownRow(change, 'after', sight) };
}

function shownRow(change: LetterChange, which: Which, sight: LetterSight): ShownRow | null {
  const row = change[which];
  if (!row) return null;
  const { tenant: column } = sight.contract;
  const tenant = column === null ? null : tenantIn(change, which, column);
  return change.form === 'governed'
    ? governedRow(row, sight, tenant)
    : sourceRow(row, change.secret[which], sight, tenant);
}

function governedRow(row: Row, sight: LetterSight, tenant: string | null): ShownRow {
  const { contract, claims, orders } = sight;
  const owner = tenant ?? claims.tenant;
  const { view } = seenBy(sight, { contract, claims, tenant: owner, state: 'on', orders });
  const resting = Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, textOf(value)]),
  );
  const shown = Object.entries(view.row(resting, owner));
  return asShown(shown.map(([name, value]) => [name, row[name] === unchanged ? unchanged : value]));
}

function sourceRow(
  row: Row,
  secret: Row | null,
  { policy, contract, claims, orders, tokens }: LetterSight,
  tenant: string | null,
): ShownRow {
  const plan = narrowed(contract, policy.plan(contract, claims, tenant));
  const ordered = obeying(plan, { orders, claims, tenant: tenant ?? claims.tenant });
  const owner = () => {
    if (contract.tenant === null) return '';
    if (tenant !== null) return tenant;
    throw new Refusal('no-tenant', 'a row does not tell for whom tokens of it are to be made');
  };
  return asShown(
    redactedColumns(withoutSeals(ordered), tokens).map((column) => {
      const told = toldOf(isConfidential(column) ? secret : row, column.name, unchanged);
      return [column.name, applied(column, told, owner)];
    }),
  );
}

/** What a reader's plan has sealed he does not see. */
const withoutSeals = (plan: PlannedContract): PlannedContract => ({
  ...plan,
  columns: plan.columns.map((column) =>
    column.rule === 'seal' ? { ...column, rule: 'drop' } : column,
  ),
});

/** It may be for this very value that the change was refused. */
function applied(column: RedactedColumn, told: Value | Unchanged, owner: () => string) {
  try {
    return column.apply(told, owner, () => mask);
  } catch (error) {
    if (error instanceof Refusal) return mask;
    throw error;
  }
}

function asShown(columns: readonly (readonly [string, Value | Unchanged])[]): ShownRow {
  return {
    values: Object.fromEntries(
      columns.flatMap(([name, value]) => (value === unchanged ? [] : [[name, textOf(value)]])),
    ),
    unchanged: columns.flatMap(([name, value]) => (value === unchanged ? [name] : [])),
  };
}

const textOf = (value: Value | Unchanged): string | null =>
  value === null || value === unchanged ? null : `${value}`;
