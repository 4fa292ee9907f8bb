import type { ColumnContract, Rule, TableContract } from '../contracts/contract.ts';
import { isConfidential } from '../contracts/contract.ts';
import type { PlannedContract } from '../contracts/policy/plan.ts';
import type { Governed, Stamped } from '../schemas/change.ts';
import { Refusal } from '../schemas/refusal.ts';
import type { Secret } from '../schemas/secret.ts';
import { unchanged, type Key, type Row, type Unchanged, type Value } from '../schemas/value.ts';
import { generaliser } from './generalise.ts';
import {
  type ColumnSealer,
  sealingOf,
  sealless,
  type SealColumn,
  unsealed,
} from './seal-column.ts';
import { tokenDomain, type Tokeniser } from './tokens.ts';

/** What a masked value reads as. Its length tells nothing. */
export const mask = '***';

/** A column that leaves govern, and what becomes of its values on the way. */
export interface RedactedColumn extends ColumnContract {
  /** `tenant` is asked for only where a token is made, `seal` only where a box is. */
  readonly apply: (
    value: Value | Unchanged,
    tenant: () => string,
    seal: SealColumn,
  ) => Value | Unchanged;
}

/**
 * The columns that leave by a plan. Silence is not consent: a column without a rule is not among them. `form` is
 * what rows have on the way out, whoever's they are.
 */
export function redactedColumns(
  plan: PlannedContract,
  tokens: Tokeniser,
  form: PlannedContract = plan,
): readonly RedactedColumn[] {
  return plan.columns.flatMap((column, at) => {
    const { rule: formed = 'drop' } = form.columns[at] ?? {};
    if (formed === 'drop') return [];
    return [{ ...column, apply: applying(plan, column, tokens, formed) }];
  });
}

function applying(
  plan: PlannedContract,
  column: ColumnContract,
  tokens: Tokeniser,
  formed: Rule,
): RedactedColumn['apply'] {
  const { name, rule } = column;
  switch (rule) {
    case 'keep':
      if (formed === 'keep') return (value) => value;
      return (value) => (isNothing(value) ? value : `${value}`);
    case 'mask':
      return (value) => (isNothing(value) ? value : mask);
    case 'generalise': {
      const coarser = coarserOf(plan, column);
      return (value) => (isNothing(value) ? value : coarser(value));
    }
    case 'tokenise': {
      const token = tokens(tokenDomain(plan, column));
      return (value, tenant) => (isNothing(value) ? value : token(tenant(), value));
    }
    case 'seal':
      return (value, _, seal) => (isNothing(value) ? value : seal(name, value));
    case 'drop':
      return () => null; // Others than this row's tenant may read it.
  }
}

const isNothing = (value: Value | Unchanged): value is null | Unchanged =>
  value === null || value === unchanged;

/** Makes a change readable, or throws a `Refusal`. */
export type Redact = (change: Stamped, secret: Secret) => Governed;

/** Applies a plan to both images and the key of a change, whatever else the change carries. A plan that seals refuses. */
export function redaction(plan: PlannedContract, tokens: Tokeniser) {
  const way = rowRedaction(redactedColumns(plan, tokens));
  return { row: way.row, change: changeRedaction(plan, () => way, sealless) };
}

/** How rows go by one plan. */
export interface RowRedaction {
  readonly row: (open: Row, secret: Row | null, tenant: () => string, more?: RowMeans) => Row;
  readonly key: (sent: Key, tenant: () => string) => Key;
  readonly hasSeals: boolean;
}

interface RowMeans {
  readonly lost: Lost;
  readonly seal: SealColumn;
}

const alone: RowMeans = { lost: unchanged, seal: unsealed };

/** Compiles what becomes of rows and keys, column by column. */
export function rowRedaction(columns: readonly RedactedColumn[]): RowRedaction {
  const byName = new Map(columns.map((column) => [column.name, column]));
  const empty = Object.fromEntries(columns.map(({ name }) => [name, null])); // A `__proto__` of its own, too.
  return {
    hasSeals: columns.some(({ rule }) => rule === 'seal'),
    /** A row as its readers may see it. Columns that the source did not send stay `unchanged`. */
    row: (open, secret, tenant, { lost, seal } = alone) => {
      const out: Record<string, Value | Unchanged> = { ...empty };
      for (const column of columns) {
        const source = isConfidential(column) ? secret : open;
        out[column.name] = column.apply(toldOf(source, column.name, lost), tenant, seal);
      }
      return out;
    },
    key: (sent, tenant) => {
      const out: Record<string, Value> = { ...sent };
      for (const [name, value] of Object.entries(sent)) {
        const column = byName.get(name);
        if (!column) delete out[name];
        // A confidential key was made a token when it was captured.
        else if (!isConfidential(column)) out[name] = plain(column.apply(value, tenant, unsealed));
      }
      return out;
    },
  };
}

/** Redacts whole changes; `by` finds how an image goes: of one change two may go by different plans. */
export function changeRedaction(
  plan: PlannedContract,
  by: (image: Row | null) => RowRedaction,
  seals: ColumnSealer,
): Redact {
  return (change, secret) => {
    const { sealed: _, ...rest } = change;
    const { before, after } = change;
    const now = () => tenantOf(plan, [after, before]);
    const then = () => tenantOf(plan, [before, after]); // A row may have moved from one to another.
    const image = (which: 'before' | 'after', row: Row, tenant: () => string, lost: Lost): Row => {
      const way = by(row);
      const seal = way.hasSeals ? seals(sealingOf(plan, change, secret, which)) : unsealed;
      return way.row(row, secret[which], tenant, { lost, seal });
    };
    const lost = change.op === 'insert' ? null : unchanged;
    return {
      ...rest,
      key: change.key && by(after ?? before).key(change.key, now),
      before: before && image('before', before, then, unchanged),
      after: after && image('after', after, now, lost),
      policy: plan.policy,
    };
  };
}

/** The class that a column's contract tells of a value; without a hierarchy, none. */
function coarserOf({ table }: TableContract, { name, hierarchy }: ColumnContract) {
  if (!hierarchy) return () => '*';
  const classOf = generaliser(hierarchy, `table ${table}, column ${name}`);
  return (value: Exclude<Value, null>) => classOf(value, hierarchy.level);
}

/** What stands for a column that its table no longer has: a new row has none of it, an old one keeps what it had. */
export type Lost = null | Unchanged;

/** What a row says of a column: a null is a value; what is not there at all was not sent, whatever all objects inherit. */
export function toldOf(row: Row | null, name: string, lost: Lost): Value | Unchanged {
  return row && Object.hasOwn(row, name) ? (row[name] ?? null) : lost;
}

const plain = (value: Value | Unchanged): Value => (value === unchanged ? null : value);

/** The tenant, by the first of the images that tells it. */
function tenantOf({ table, tenant }: TableContract, images: readonly (Row | null)[]): string {
  if (tenant === null) return '';
  for (const image of images) {
    const value = image?.[tenant];
    if (value !== null && value !== undefined && value !== unchanged) return `${value}`;
  }
  throw noTenant(table, tenant);
}

/** Refuses a change of which tokens are to be made, and that does not say for whom. */
export const noTenant = (table: string, tenant: string): Refusal =>
  new Refusal(
    'no-tenant',
    `table ${table}: a change does not tell its tenant (column ${tenant}), so nothing can be tokenised for it`,
  );
