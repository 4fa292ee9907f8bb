import fc from 'fast-check';
import { expect, test } from 'vitest';
import { priceLine, type Tier } from '../../../processors/costs/price-line.ts';

const tiersOf = fc
  .array(fc.tuple(fc.bigInt({ min: 1n, max: 1_000n }), fc.bigInt({ min: 0n, max: 10n ** 7n })), {
    maxLength: 4,
  })
  .chain((steps) =>
    fc.bigInt({ min: 0n, max: 10n ** 7n }).map((nanoUsd): readonly Tier[] => {
      let upTo = 0n;
      const tiers = steps.map(([width, price]) => ({ upTo: (upTo += width), nanoUsd: price }));
      return [...tiers, { upTo: null, nanoUsd }];
    }),
  );
const quantity = fc.bigInt({ min: 0n, max: 5_000n });

test('the prices of the contract, to the nano-dollar', () => {
  const at = (nanoUsd: bigint, count: bigint, partsPerUnit = 1n) =>
    priceLine([{ upTo: null, nanoUsd }], { quantity: count, before: 0n, partsPerUnit }).amount;
  expect(at(2_000n, 1_000_000n)).toBe(2_000_000_000n);
  expect(at(100_000n, 3n)).toBe(300_000n);
  expect(at(20_000_000n, 1_500_000_000n, 10n ** 9n)).toBe(30_000_000n); // A GB for a day and a half.
});

test('every unit is priced by its own tier, however the line lies across them', () => {
  fc.assert(
    fc.property(tiersOf, quantity, fc.bigInt({ min: 0n, max: 300n }), (tiers, before, count) => {
      let one = 0n;
      for (let at = before; at < before + count; at++)
        one += tiers.find(({ upTo }) => upTo === null || at < upTo)!.nanoUsd;
      const line = priceLine(tiers, { quantity: count, before, partsPerUnit: 1n });
      expect(line.amount).toBe(one);
      expect(line.parts.reduce((sum, part) => sum + part.quantity, 0n)).toBe(count);
    }),
  );
});

test('a line in two is the line in one, and what is taken back is what it cost', () => {
  fc.assert(
    fc.property(tiersOf, quantity, quantity, quantity, (tiers, before, first, second) => {
      const price = (from: bigint, count: bigint) =>
        priceLine(tiers, { quantity: count, before: from, partsPerUnit: 1n }).amount;
      const whole = price(before, first + second);
      expect(price(before, first) + price(before + first, second)).toBe(whole);
      expect(price(before + first + second, -(first + second))).toBe(-whole);
    }),
  );
  const back = { quantity: -2n, before: 1n, partsPerUnit: 1n };
  expect(() => priceLine([{ upTo: null, nanoUsd: 1n }], back)).toThrow(/taken back/);
});
