import type { Blocks } from './runs.ts';

/** Adds a range to those that are done, joining what touches. */
export function withBlocks(done: readonly Blocks[], added: Blocks): readonly Blocks[] {
  const joined: Blocks[] = [];
  for (const [from, to] of [...done, added].toSorted((a, b) => a[0] - b[0])) {
    const last = joined.at(-1);
    if (last && from <= last[1]) joined[joined.length - 1] = [last[0], Math.max(last[1], to)];
    else joined.push([from, to]);
  }
  return joined;
}

/** The first range of at most `size` blocks before `end` that nobody has; null if there is none. */
export function firstGap(taken: readonly Blocks[], end: number, size: number): Blocks | null {
  let from = 0;
  for (const [start, stop] of taken) {
    if (start > from) break;
    from = Math.max(from, stop);
  }
  if (from >= end) return null;
  const next = taken.find(([start]) => start > from)?.[0] ?? end;
  return [from, Math.min(from + size, next, end)];
}
