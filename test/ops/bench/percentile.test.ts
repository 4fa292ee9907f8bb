import { expect, test } from 'vitest';
import { median, percentile, spread } from '../../../ops/bench/percentile.ts';

const hundred = Array.from({ length: 100 }, (_, n) => n + 1);

test.each([
  [hundred, 50, 50],
  [hundred, 99, 99],
  [hundred, 100, 100],
  [hundred, 0, 1],
  [[7], 50, 7],
  [[1, 2, 3], 50, 2],
  [[1, 2, 3, 4], 50, 2],
  [[1, 2, 3, 4], 95, 4],
])('of %j, the %dth percentile is %d', (sorted, percent, value) =>
  expect(percentile(sorted, percent)).toBe(value),
);

test('there is no percentile of nothing', () => {
  expect(() => percentile([], 50)).toThrow('no 50th percentile of nothing');
});

test('a spread does not care for the order in which values came', () => {
  const shuffled = hundred.toSorted((a, b) => ((a * 37) % 101) - ((b * 37) % 101));
  expect(spread(shuffled)).toEqual({ p50_ms: 50, p95_ms: 95, p99_ms: 99, max_ms: 100 });
});

test.each([
  [[3, 1, 2], 2],
  [[4, 1, 3, 2], 2.5],
  [[5], 5],
])('the median of %j is %d', (values, middle) => expect(median(values)).toBe(middle));
