import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allocate, NoBasis } from '../../../processors/costs/allocate.ts';

const weights = fc
  .uniqueArray(fc.string({ minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 30 })
  .chain((keys) =>
    fc.tuple(
      ...keys.map((key) =>
        fc.bigInt({ min: 0n, max: 10n ** 15n }).map((weight) => ({ key, weight })),
      ),
    ),
  )
  .filter((all) => all.some(({ weight }) => weight > 0n));
const total = fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n });

test('the sum of the shares is the whole, and nobody is off by a nano-dollar', () => {
  fc.assert(
    fc.property(total, weights, (whole, all) => {
      const shares = allocate(whole, all);
      const sum = all.reduce((known, { weight }) => known + weight, 0n);
      expect(shares.reduce((known, { amount }) => known + amount, 0n)).toBe(whole);
      for (const [index, { amount }] of shares.entries()) {
        const off = amount * sum - whole * all[index]!.weight;
        expect(off < sum && off > -sum).toBe(true);
      }
    }),
  );
});

test('the order in which tenants are named changes nothing', () => {
  fc.assert(
    fc.property(total, weights, fc.nat(), (whole, all, turn) => {
      const byKey = (shares: ReturnType<typeof allocate>) =>
        new Map(shares.map(({ key, amount }) => [key, amount]));
      const turned = [...all.slice(turn % all.length), ...all.slice(0, turn % all.length)];
      expect(byKey(allocate(whole, turned))).toEqual(byKey(allocate(whole, all)));
    }),
  );
});

test('who has no part pays nothing; among equals the first by name has what is left', () => {
  const of = (key: string, weight: bigint) => ({ key, weight });
  expect(allocate(10n, [of('c', 1n), of('b', 1n), of('a', 1n), of('d', 0n)])).toEqual([
    { key: 'c', amount: 3n },
    { key: 'b', amount: 3n },
    { key: 'a', amount: 4n },
    { key: 'd', amount: 0n },
  ]);
});

test('without a basis nothing is shared', () => {
  expect(() => allocate(1n, [])).toThrow(NoBasis);
  expect(() => allocate(1n, [{ key: 'a', weight: 0n }])).toThrow(NoBasis);
});
