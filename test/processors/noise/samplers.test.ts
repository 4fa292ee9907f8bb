import { createSecretKey, hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Bits } from '../../../processors/noise/bits.ts';
import {
  discreteGaussian,
  discreteLaplace,
  happensExp,
} from '../../../processors/noise/samplers.ts';
import type { Ratio } from '../../../processors/noise/ratio.ts';
import { chiSquare, chiSquareTail, gaussian, laplace, line } from './statistics.ts';

const key = createSecretKey(hash('sha256', 'samplers', 'buffer'));
const bits = (name: string) => new Bits(key, ['test', name]);
const unlikely = 1e-6;

type Sampler = (bits: Bits, scale: Ratio) => bigint;

const draws = (sampler: Sampler, scale: Ratio, count: number, name: string): readonly number[] => {
  const source = bits(name);
  return Array.from({ length: count }, () => Number(sampler(source, scale)));
};

/** What was drawn of each number from −reach to reach, and of all others. */
function counted(drawn: readonly number[], reach: number): readonly number[] {
  const counts = Array<number>(2 * reach + 2).fill(0);
  for (const x of drawn) {
    const at = Math.abs(x) > reach ? counts.length - 1 : x + reach;
    counts[at] = (counts[at] ?? 0) + 1;
  }
  return counts;
}

const withRest = (probabilities: readonly number[]) => [
  ...probabilities,
  1 - probabilities.reduce((sum, each) => sum + each, 0),
];

test('the chi-square tail is what tables say', () => {
  expect(chiSquareTail(3.841459, 1)).toBeCloseTo(0.05, 6);
  expect(chiSquareTail(18.307038, 10)).toBeCloseTo(0.05, 6);
  expect(chiSquareTail(124.342113, 100)).toBeCloseTo(0.05, 6);
  expect(chiSquareTail(23.92812698, 1) / 1e-6).toBeCloseTo(1, 3);
});

test.each([
  [0n, 1n],
  [1n, 3n],
  [1n, 1n],
  [7n, 5n],
  [9n, 2n],
])('an event of probability exp(−%s/%s) happens as often as that', (n, d) => {
  const source = bits(`exp ${n}/${d}`);
  const count = 20_000;
  const happened = line(count / 2 - 1)
    .concat(0)
    .filter(() => happensExp(source, { n, d })).length;
  const probability = Math.exp(-Number(n) / Number(d));
  if (n === 0n) expect(happened).toBe(count);
  else
    expect(chiSquare([happened, count - happened], [probability, 1 - probability])).toBeGreaterThan(
      unlikely,
    );
});

describe('discrete Laplace', () => {
  test.each([
    [1n, 1n, 8],
    [1n, 3n, 2],
    [5n, 2n, 20],
    [97n, 10n, 60],
  ])('draws of scale %s/%s have exactly its probabilities', (n, d, reach) => {
    const drawn = draws(discreteLaplace, { n, d }, 20_000, `laplace ${n}/${d}`);
    const scale = Number(n) / Number(d);
    expect(chiSquare(counted(drawn, reach), withRest(laplace(scale, reach)))).toBeGreaterThan(
      unlikely,
    );
  });

  test('its variance is 2a/(1−a)² and zero has (1−a)/(1+a): 1.841347 and 0.462117 at scale 1', () => {
    const a = Math.exp(-1);
    expect((2 * a) / (1 - a) ** 2).toBeCloseTo(1.841347, 5);
    expect((1 - a) / (1 + a)).toBeCloseTo(0.462117, 6);
    const count = 100_000;
    const drawn = draws(discreteLaplace, { n: 1n, d: 1n }, count, 'moments');
    const mean = drawn.reduce((sum, x) => sum + x, 0) / count;
    const variance = drawn.reduce((sum, x) => sum + x * x, 0) / count;
    const zeros = drawn.filter((x) => x === 0).length / count;
    const fourth = laplace(1, 60).reduce((sum, p, at) => sum + p * (at - 60) ** 4, 0);
    const five = 5 / Math.sqrt(count); // Five standard deviations of each.
    expect(Math.abs(mean)).toBeLessThan(five * Math.sqrt(1.841347));
    expect(Math.abs(variance - 1.841347)).toBeLessThan(five * Math.sqrt(fourth - 1.841347 ** 2));
    expect(Math.abs(zeros - 0.462117)).toBeLessThan(five * Math.sqrt(0.462117 * 0.537883));
  });

  test('the distance of Kolmogorov and Smirnov of 5,000 draws is below 0.0380516', () => {
    const drawn = draws(discreteLaplace, { n: 30n, d: 1n }, 5_000, 'distance').toSorted(
      (x, y) => x - y,
    );
    const exact = laplace(30, 900);
    let [below, distance, seen] = [0, 0, 0];
    for (const [at, probability] of exact.entries()) {
      below += probability;
      while (seen < drawn.length && (drawn[seen] ?? 0) <= at - 900) seen++;
      distance = Math.max(distance, Math.abs(seen / drawn.length - below));
    }
    expect(distance).toBeLessThan(0.0380516);
  });
});

describe('discrete Gaussian', () => {
  test.each([
    [1n, 3n, 2],
    [1n, 1n, 3],
    [205292n, 10_000n, 14], // σ = 4.530877, of ε = 1.
    [400n, 1n, 60],
  ])('draws of variance %s/%s have exactly its probabilities', (n, d, reach) => {
    const drawn = draws(discreteGaussian, { n, d }, 20_000, `gaussian ${n}/${d}`);
    const variance = Number(n) / Number(d);
    expect(chiSquare(counted(drawn, reach), withRest(gaussian(variance, reach)))).toBeGreaterThan(
      unlikely,
    );
  });
});

test('a sampler that was a little wrong would be found', () => {
  const drawn = draws(discreteLaplace, { n: 1n, d: 1n }, 20_000, 'wrong');
  expect(chiSquare(counted(drawn, 8), withRest(laplace(1.08, 8)))).toBeLessThan(unlikely);
});
