import { type Cells, nothingOf } from './cells.ts';
import type { Contribution } from './contributions.ts';
import type { Plan } from './plan.ts';

/** A contribution under a name of its subject that tells nothing of it, and where it stands among the others. */
export interface NamedContribution extends Omit<Contribution, 'subject'> {
  readonly name: string;
  readonly at: string; // Its position, as text whose order is that of positions.
}

/** What came in a window, query by query. */
export type Sums = readonly Cells[];

interface Bounded {
  readonly sums: Sums;
  /** Who counted in this window: in one more than before. */
  readonly counted: readonly string[];
  readonly left: number; // Contributions that did not count, because their subject had counted as much as it may.
}

/**
 * Adds up the contributions of a window. `windowsOf` tells in how many windows of the month a subject has counted. Who has
 * reached a bound does not count any more: whatever one subject does, it changes no more than the noise was made for, and
 * nothing of what others do.
 */
export function bounded(
  { dp, queries }: Plan,
  contributions: readonly NamedContribution[],
  windowsOf: (name: string) => number,
): Bounded {
  const sums = queries.map(({ channels }) => nothingOf(channels));
  const counted: string[] = [];
  let left = contributions.length;
  for (const [name, own] of Map.groupBy(contributions, (each) => each.name)) {
    if (windowsOf(name) >= dp.contribution.windows) continue;
    const inOrder = thoseThatMatter(own, dp.contribution.rows);
    const counting = inOrder.slice(0, roomFor(inOrder, dp.contribution.rows));
    if (counting.length > 0) counted.push(name);
    left -= counting.length;
    for (const [query, channel, cell, units] of counting.flatMap(({ effects }) => effects)) {
      const cells = sums[query]?.[channel];
      if (cells?.[cell] === undefined) throw new TypeError('a contribution is of another plan');
      cells[cell] += units;
    }
  }
  return { sums, counted, left };
}

/**
 * Of a subject's contributions to a part of a window those that decide which count of the whole: the first ones, up to and
 * with the first for which there is no room. What comes after that one does not count in any case.
 */
export function thoseThatMatter(
  own: readonly NamedContribution[],
  rows: number,
): readonly NamedContribution[] {
  const inOrder = own.toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  return inOrder.slice(0, roomFor(inOrder, rows) + 1);
}

/** How many of them there is room for, before the first that has none. */
function roomFor(inOrder: readonly NamedContribution[], rows: number): number {
  let room = rows;
  const end = inOrder.findIndex((each) => (room -= each.rows) < 0);
  return end < 0 ? inOrder.length : end;
}
