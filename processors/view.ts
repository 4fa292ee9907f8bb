import type { ColumnContract, TableContract } from '../contracts/contract.ts';
import type { Hierarchy } from '../contracts/hierarchy.ts';
import { Refusal } from '../schemas/refusal.ts';
import { hasForm } from './formed-token.ts';
import { generaliser } from './generalise.ts';
import { mask } from './redact.ts';
import { isToken, tokenDomain, type Tokeniser } from './tokens.ts';

/** A row as it rests in a sink: each value in its text. */
export type RestingRow = Readonly<Record<string, string | null>>;

/** How a reader sees the rows of a table. */
export interface View {
  /** Columns that are shown with nothing done to them. */
  readonly asTheyRest: ReadonlySet<string>;
  /** Columns whose values are as their contract has had them all along, so that equal ones rest equal. */
  readonly groupable: ReadonlySet<string>;
  row(resting: RestingRow, tenant: string): RestingRow;
}

/** Opens what a column rests sealed in; null if nobody can any more. */
export type OpenSealed = (text: string) => string | null;

interface Means {
  readonly tokens: Tokeniser;
  readonly sealed: ReadonlySet<string>; // Columns that the stream seals.
  readonly open: OpenSealed | null; // Null: whoever reads may not.
}

/** What is shown of a value; null: the value itself. */
type Showing = ((value: string, tenant: string) => string | null) | null;

/**
 * What a reader sees of rows that rest, by a contract that was narrowed for that reader. Rows of several revisions may
 * rest side by side, so each value is looked at: what is as narrow as it is to be stays, all else is made so, and
 * nothing is ever undone but a seal.
 */
export function viewing(contract: TableContract, narrow: TableContract, means: Means): View {
  const shown = new Map<string, Showing>();
  const groupable = new Set<string>();
  for (const [at, column] of contract.columns.entries()) {
    const wanted = narrow.columns[at];
    if (column.rule === 'drop' || wanted?.name !== column.name) continue;
    if (wanted.rule === 'drop' || wanted.rule === 'seal') continue;
    shown.set(column.name, showingOf(contract, { column, wanted }, means));
    if (isAsPromised(column, wanted) && !means.sealed.has(column.name)) groupable.add(column.name);
  }
  return {
    asTheyRest: new Set([...shown].flatMap(([name, showing]) => (showing ? [] : [name]))),
    groupable,
    row(resting, tenant) {
      // Own to no prototype: a column may be called `__proto__`.
      const out = Object.create(null) as Record<string, string | null>;
      for (const [name, showing] of shown) {
        const value = resting[name] ?? null;
        out[name] = value === null || !showing ? value : showing(value, tenant);
      }
      return out;
    },
  };
}

const isAsPromised = (promised: ColumnContract, wanted: ColumnContract): boolean =>
  wanted.rule === promised.rule &&
  wanted.rule !== 'mask' &&
  wanted.hierarchy?.level === promised.hierarchy?.level;

function showingOf(
  contract: TableContract,
  { column, wanted }: { readonly column: ColumnContract; readonly wanted: ColumnContract },
  { tokens, sealed, open }: Means,
): Showing {
  const { name, rule, hierarchy } = wanted;
  if (rule === 'keep') return sealed.has(name) ? (open ?? (() => mask)) : null;
  if (sealed.has(name)) return () => mask;
  // Else what looks like a token or a class may be a value: of an older revision of the policy, if not of this one.
  const isPromised = column.rule === rule;
  if (rule === 'tokenise') {
    const token = tokens(tokenDomain(contract, wanted));
    const stays = staying(column, isPromised);
    return (value, tenant) => (stays(value) ? value : token(tenant, value));
  }
  if (rule !== 'generalise' || !hierarchy) return () => mask;
  const classOf = generaliser(hierarchy, `table ${contract.table}, column ${name}`);
  return (value) => {
    if (value === mask || isClass(hierarchy, value, isPromised)) return value;
    try {
      return classOf(value, hierarchy.level);
    } catch (error) {
      if (error instanceof Refusal) return mask; // Its hierarchy does not cover the value.
      throw error;
    }
  };
}

/** Whether what rests is a token, or less. Tokens of a form look like values. A token of a token gives nothing away. */
function staying({ tokenForm }: ColumnContract, isPromised: boolean): (value: string) => boolean {
  const isFormed = (value: string) => tokenForm !== undefined && hasForm(tokenForm, value);
  return (value) => value === mask || (isPromised && (isToken(value) || isFormed(value)));
}

/** Whether a value is a class of the level that is wanted, or says nothing at all. */
function isClass(hierarchy: Hierarchy, value: string, isPromised: boolean): boolean {
  if (value === '*') return true;
  switch (hierarchy.kind) {
    case 'intervals': {
      const [, from, to] = /^\[(-?[\d.e+-]+),(-?[\d.e+-]+)\)$/.exec(value) ?? [];
      const width = hierarchy.widths[hierarchy.level - 1] ?? Number.POSITIVE_INFINITY;
      const last = Number(to) === hierarchy.to; // The last class may be narrower.
      return from !== undefined && (last || Number(to) - Number(from) >= width * (1 - 1e-9));
    }
    case 'tree':
      return [...hierarchy.above.values()].some((above) =>
        above.slice(hierarchy.level - 1).includes(value),
      );
    case 'prefixes':
      return (
        isPromised && // A code may end so, too.
        value.endsWith('*') &&
        value.length - 1 <= (hierarchy.lengths[hierarchy.level - 1] ?? 0)
      );
  }
}
