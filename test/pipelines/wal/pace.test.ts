import { expect, test } from 'vitest';
import { Pace } from '../../../pipelines/wal/pace.ts';

const kilobyte = 1024;

/** The rests before each of so many gulps of a server that writes so fast into a socket that holds so much. */
function rests(perMs: number, holds: number, count = 2_000): readonly number[] {
  const pace = new Pace();
  let workMs = 1;
  return Array.from({ length: count }, () => {
    const { ms } = pace;
    const bytes = Math.min((ms + workMs) * perMs, holds);
    pace.went(bytes);
    workMs = bytes / (75 * kilobyte); // What it takes to use them.
    return ms;
  });
}

test('a socket that holds much rests for as long as it may', () => {
  expect(rests(55 * kilobyte, 4_000 * kilobyte).slice(100)).toEqual(Array(1_900).fill(15));
});

test('a socket that holds little is read as often as can be', () => {
  expect(new Set(rests(55 * kilobyte, 64 * kilobyte))).toEqual(new Set([1]));
});

test('a socket that holds some rests until it is about full', () => {
  const all = rests(55 * kilobyte, 400 * kilobyte).slice(100);
  expect(Math.min(...all)).toBeGreaterThan(4);
  expect(Math.max(...all)).toBeLessThanOrEqual(5);
});

test('what a socket held once is forgotten', () => {
  const pace = new Pace();
  pace.went(1_500 * kilobyte);
  expect(pace.ms).toBe(15);
  for (let gulp = 0; gulp < 1_000; gulp++) pace.went(64 * kilobyte);
  expect(pace.ms).toBe(1);
});
