import type { Figures } from './figures.ts';

/** The smallest value that `percent` of them do not exceed; `sorted` ascends and holds at least one. */
export function percentile(sorted: ArrayLike<number>, percent: number): number {
  const rank = Math.max(1, Math.ceil((percent / 100) * sorted.length));
  const value = sorted[rank - 1];
  if (value === undefined) throw new RangeError(`no ${percent}th percentile of nothing`);
  return value;
}

/** How values are spread, in the names of a report. */
export function spread(
  values: Iterable<number>,
): Required<Pick<Figures, 'p50_ms' | 'p95_ms' | 'p99_ms' | 'max_ms'>> {
  const sorted = Float64Array.from(values).sort();
  return {
    p50_ms: percentile(sorted, 50),
    p95_ms: percentile(sorted, 95),
    p99_ms: percentile(sorted, 99),
    max_ms: percentile(sorted, 100),
  };
}

/** The one in the middle; of two in the middle, the mean. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = percentile(sorted, 50);
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[sorted.length / 2] ?? upper)) / 2;
}
