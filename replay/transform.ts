import type { Op } from '../schemas/change.ts';
import { type Key, type Row, unchanged } from '../schemas/value.ts';

/** What a transform is given of a change: what of it lies in the open where its letter comes from, and no confidential column. */
export interface OpenChange {
  readonly pipeline: string;
  readonly reason: string;
  readonly table: string;
  readonly op: Op;
  readonly key: Key | null;
  readonly before: Row | null;
  readonly after: Row | null;
}

/** The images of a change as a transform has made them. */
export type Transformed = Pick<OpenChange, 'before' | 'after'>;

/** Mends changes before they come again. */
export interface Transform {
  readonly digest: string; // Of its file.
  /** What it makes of a change; null drops it. Throws where it fails, or makes what no transform may. */
  readonly apply: (change: OpenChange, letter: string) => Transformed | null;
}

/** What somebody's function makes of a change, or what is wrong with that. */
export type Made = Transformed | null | { readonly fault: string };

/** Applies somebody's function to a change: it may do what it likes, and what it gives back is looked at. */
export function madeBy(transform: (change: OpenChange) => unknown, change: OpenChange): Made {
  const out = transform(structuredCopy(change));
  if (out === null) return null;
  const fault = faultOf(change, out);
  if (fault !== null) return { fault };
  const { before = null, after = null } = out as Partial<Transformed>;
  return { before, after };
}

/** What a transform does to what it is given changes nothing of ours. A symbol is no value that could be cloned. */
const structuredCopy = ({ key, before, after, ...change }: OpenChange): OpenChange => ({
  ...change,
  key: key && { ...key },
  before: before && { ...before },
  after: after && { ...after },
});

function faultOf(change: OpenChange, out: unknown): string | null {
  if (typeof out !== 'object' || !out || out instanceof Promise)
    return 'is no change, and not null';
  for (const which of ['table', 'op'] as const)
    if (which in out && (out as Record<string, unknown>)[which] !== change[which])
      return `has another ${which}: a change stays what it is`;
  for (const which of ['before', 'after'] as const) {
    const row: unknown = (out as Record<string, unknown>)[which] ?? null;
    const fault = rowFault(change, which, row);
    if (fault) return fault;
  }
  return null;
}

function rowFault(change: OpenChange, which: 'before' | 'after', row: unknown): string | null {
  const was = change[which];
  if ((row === null) !== (was === null)) return `${row === null ? 'lacks' : 'adds'} ${which}`;
  if (row === null || was === null) return null;
  if (typeof row !== 'object') return `has no row in ${which}`;
  for (const [column, value] of Object.entries(row)) {
    if (value !== unchanged && !isValue(value))
      return `has no value in ${which}.${column}: say a text, a number, a bigint, a boolean or null`;
    const isKey = which === 'after' && change.key !== null && Object.hasOwn(change.key, column);
    if (isKey && !Object.is(value, was[column])) return `has another key (${column})`;
  }
  return null;
}

const isValue = (value: unknown): boolean =>
  value === null || ['string', 'number', 'bigint', 'boolean'].includes(typeof value);
