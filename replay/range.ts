import type { Governed } from '../schemas/change.ts';
import type { GovernedRecord } from '../schemas/governed-record.ts';
import { changeOf } from '../schemas/governed-record.ts';
import { type Halves, serverHash } from '../processors/server-hash.ts';
import { lsnText } from '../schemas/lsn.ts';

/** A place in a stream, as a person says it: where the source committed, or when. */
export type Bound = { readonly lsn: bigint } | { readonly micros: number };

/** Which rows of a table are rebuilt: those that changed from one place to another, of one tenant or of all. */
export interface Range {
  readonly from: Bound | null;
  readonly to: Bound | null; // With it, where it is an LSN; before it, where it is a time.
  readonly tenant: { readonly column: string; readonly value: string } | null;
}

/** Whether all rows of the table are meant. */
export const isWhole = ({ from, to, tenant }: Range): boolean => !from && !to && !tenant;

function isIn({ from, to, tenant }: Range, change: Governed): boolean {
  if (from && isBefore(change, from)) return false;
  if (to && isBehind(change, to)) return false;
  if (!tenant) return true;
  const { column, value } = tenant;
  return [change.after, change.before].some((row) => {
    const own = row?.[column];
    return own !== undefined && own !== null && String(own) === value;
  });
}

/** The range as it is kept and told. */
export const rangeText = ({ from, to, tenant }: Range): string =>
  [
    from && `from ${boundText(from)}`,
    to && `to ${boundText(to)}`,
    tenant && `of tenant ${tenant.value}`,
  ]
    .filter(Boolean)
    .join(' ') || 'all';

/**
 * The keys of the rows that are rebuilt. Hashes of 53 bits: where two keys have one, a row too many is rebuilt,
 * which does no harm.
 */
export class RangeKeys {
  readonly #range: Range;
  readonly #keys = new Set<number>();

  constructor(range: Range) {
    this.#range = range;
  }

  get count(): number {
    return this.#keys.size;
  }

  /** Looks at a record; true if it is itself of the range. */
  look(record: GovernedRecord): boolean {
    const is = isIn(this.#range, changeOf(record));
    if (is && record.key) this.#keys.add(hashOf(record.key));
    return is;
  }

  /** Whether a record is of a row that is rebuilt. What has no key is a row of its own; a truncate is of all. */
  has(record: GovernedRecord): boolean {
    if (record.key) return this.#keys.has(hashOf(record.key));
    const change = changeOf(record);
    return change.op === 'truncate' || isIn(this.#range, change);
  }
}

const hash: Halves = { high: 0, low: 0 };

function hashOf(key: Buffer): number {
  serverHash(key, 0, key.length, 0, hash);
  return ((hash.high >>> 0) & 0x1f_ffff) * 0x1_0000_0000 + (hash.low >>> 0);
}

const isBefore = ({ position, committedAt }: Governed, bound: Bound): boolean =>
  'lsn' in bound ? position.lsn < bound.lsn : committedAt < bound.micros;

const isBehind = ({ position, committedAt }: Governed, bound: Bound): boolean =>
  'lsn' in bound ? position.lsn > bound.lsn : committedAt >= bound.micros;

const boundText = (bound: Bound): string =>
  'lsn' in bound ? lsnText(bound.lsn) : new Date(bound.micros / 1_000).toISOString();
