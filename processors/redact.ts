import type { ColumnContract, TableContract } from '../contracts/contract.ts';
import { isConfidential } from '../contracts/contract.ts';
import type { Governed, Stamped } from '../schemas/change.ts';
import { Refusal } from '../schemas/refusal.ts';
import type { Secret } from '../schemas/secret.ts';
import { unchanged, type Key, type Row, type Unchanged, type Value } from '../schemas/value.ts';
import { generaliser } from './generalise.ts';
import { tokenDomain, type Tokeniser } from './tokens.ts';

/** What a masked value reads as. Its length tells nothing. */
export const mask = '***';

/** A column that leaves govern, and what becomes of its values on the way. */
export interface RedactedColumn extends ColumnContract {
  /** `tenant` is asked for only where a token is made. */
  readonly apply: (value: Value | Unchanged, tenant: () => string) => Value | Unchanged;
}

/** The columns that leave. Silence is not consent: a column without a rule is not among them. */
export function redactedColumns(
  contract: TableContract,
  tokens: Tokeniser,
): readonly RedactedColumn[] {
  return contract.columns
    .filter(({ rule }) => rule !== 'drop')
    .map((column) => ({ ...column, apply: applying(contract, column, tokens) }));
}

function applying(
  contract: TableContract,
  column: ColumnContract,
  tokens: Tokeniser,
): RedactedColumn['apply'] {
  const domain = tokenDomain(contract, column);
  const coarser = coarserOf(contract, column);
  return (value, tenant) => {
    if (column.rule === 'keep' || value === null || value === unchanged) return value;
    if (column.rule === 'mask') return mask;
    if (column.rule === 'generalise') return coarser(value);
    return tokens(tenant(), domain, value);
  };
}

/** Applies a contract's column rules to both images and the key of a change, whatever else the change carries. */
export function redaction(contract: TableContract, tokens: Tokeniser) {
  const columns = redactedColumns(contract, tokens);
  const byName = new Map(columns.map((column) => [column.name, column]));
  const empty = Object.fromEntries(columns.map(({ name }) => [name, null])); // A `__proto__` of its own, too.

  /** A row as its readers may see it. Columns that the source did not send stay `unchanged`. */
  const row = (
    open: Row,
    secret: Row | null,
    tenant: () => string,
    lost: Lost = unchanged,
  ): Row => {
    const out: Record<string, Value | Unchanged> = { ...empty };
    for (const column of columns) {
      const source = isConfidential(column) ? secret : open;
      out[column.name] = column.apply(toldOf(source, column.name, lost), tenant);
    }
    return out;
  };

  const key = (sent: Key, tenant: () => string): Key => {
    const out: Record<string, Value> = { ...sent };
    for (const [name, value] of Object.entries(sent)) {
      const column = byName.get(name);
      if (!column) delete out[name];
      // A confidential key was made a token when it was captured.
      else if (!isConfidential(column)) out[name] = plain(column.apply(value, tenant));
    }
    return out;
  };

  return {
    row,
    change(change: Stamped, secret: Secret): Governed {
      const { sealed: _, ...rest } = change;
      const { before, after } = change;
      const now = () => tenantOf(contract, [after, before]);
      const then = () => tenantOf(contract, [before, after]); // A row may have moved from one to another.
      return {
        ...rest,
        key: change.key && key(change.key, now),
        before: before && row(before, secret.before, then, unchanged),
        after: after && row(after, secret.after, now, change.op === 'insert' ? null : unchanged),
        policy: contract.revision,
      };
    },
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
