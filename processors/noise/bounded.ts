import type { Contribution } from './contributions.ts';
import type { Plan } from './plan.ts';

/** What came in a window, cell by cell, of each query and channel. */
export type Sums = readonly (readonly (readonly bigint[])[])[];

export interface Bounded {
  readonly sums: Sums;
  /** Who counted in this window: in one more than before. */
  readonly counted: readonly string[];
  readonly left: number; // Contributions that did not count, because their subject had counted as much as it may.
}

/**
 * Adds up the contributions of a window, in the order of their positions. `windowsOf` tells in how many windows of the month
 * a subject has counted. Who has reached a bound does not count any more: whatever one subject does, it changes no more than
 * the noise was made for, and nothing of what others do.
 */
export function bounded(
  { dp, queries }: Plan,
  contributions: readonly (Contribution & { readonly name: string })[],
  windowsOf: (name: string) => number,
): Bounded {
  const sums = queries.map(({ channels }) =>
    channels.map(({ channel }) => Array<bigint>(channel.cells).fill(0n)),
  );
  const rows = new Map<string, number>();
  let left = 0;
  for (const { name, rows: weight, effects } of contributions) {
    const counted = rows.get(name);
    const isFull = counted === undefined && windowsOf(name) >= dp.contribution.windows;
    if (isFull || (counted ?? 0) + weight > dp.contribution.rows) {
      left++;
      continue;
    }
    rows.set(name, (counted ?? 0) + weight);
    for (const [query, channel, cell, units] of effects) {
      const cells = sums[query]?.[channel];
      if (cells?.[cell] === undefined) throw new TypeError('a contribution is of another plan');
      cells[cell] += units;
    }
  }
  return { sums, counted: [...rows.keys()], left };
}
