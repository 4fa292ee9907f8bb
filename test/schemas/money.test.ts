import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dividedEvenly, exactOf, nanoUsdOf, usdText, wholeOf } from '../../schemas/money.ts';

test.each([
  ['0.000002', 2_000n],
  ['2e-6', 2_000n],
  ['0.0001', 100_000n],
  ['0.02', 20_000_000n],
  ['1', 1_000_000_000n],
  ['1e3', 1_000_000_000_000n],
  ['-0.5', -500_000_000n],
  ['0.0000000010', 1n],
  ['0.0000000001', null],
  ['', null],
  ['1.', null],
  ['.5', null],
  ['1,5', null],
  ['0x10', null],
  ['NaN', null],
  ['1e999', null],
])('%s dollars are %s nano-dollars', (text, nano) => {
  expect(nanoUsdOf(text)).toBe(nano);
});

test('an amount that is printed is read as the same', () => {
  fc.assert(
    fc.property(fc.bigInt(), (nano) => {
      expect(nanoUsdOf(usdText(nano))).toBe(nano);
    }),
  );
  expect([0n, 2_000n, 1_500_000_000n, -10_000_000n].map(usdText)).toEqual([
    '0.00',
    '0.000002',
    '1.50',
    '-0.01',
  ]);
});

test('a double is read as the decimal that it prints as', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-90, max: 1e90, noNaN: true }), (value) => {
      const { digits, decimals } = exactOf(`${value}`)!;
      expect(Number(`${digits}e-${decimals}`)).toBe(value);
      expect(wholeOf({ digits, decimals }, decimals)).toBe(digits);
    }),
  );
});

test('what is divided is off by half at most, and an exact half goes to the even one', () => {
  fc.assert(
    fc.property(fc.bigInt(), fc.bigInt({ min: 1n, max: 10n ** 12n }), (dividend, divisor) => {
      const twice = (dividedEvenly(dividend, divisor) * divisor - dividend) * 2n;
      expect(twice <= divisor && twice >= -divisor).toBe(true);
    }),
  );
  expect([-3n, -1n, 1n, 3n, 5n].map((n) => dividedEvenly(n, 2n))).toEqual([-2n, 0n, 0n, 2n, 2n]);
});
