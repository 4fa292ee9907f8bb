import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesOfDecimal, decimalText } from '../../schemas/decimal.ts';

const unscaled = fc
  .tuple(fc.bigInt({ min: -(10n ** 38n), max: 10n ** 38n }), fc.nat(126))
  .map(([each, shift]) => each >> BigInt(shift));

test('any decimal comes back from its bytes with the digits after its point', () => {
  fc.assert(
    fc.property(unscaled, fc.nat(38), (each, scale) => {
      const size = each < 0n ? -each : each;
      const digits = `${size}`.padStart(scale + 1, '0');
      const whole = digits.slice(0, digits.length - scale);
      const sign = each < 0n ? '-' : '';
      const text = scale === 0 ? `${sign}${whole}` : `${sign}${whole}.${digits.slice(-scale)}`;
      expect(decimalText(bytesOfDecimal(each), scale)).toBe(text);
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  [0n, '00'],
  [127n, '7f'],
  [128n, '0080'],
  [-128n, '80'],
  [-129n, 'ff7f'],
  [-1n, 'ff'],
  [2n ** 64n, '010000000000000000'],
])('golden: %s takes the bytes %s and no more', (each, hex) => {
  expect(bytesOfDecimal(each).toString('hex')).toBe(hex);
});

test('bytes that another writer made longer are the same decimal, and no bytes are zero', () => {
  expect(decimalText(Buffer.from('ffffffffffffffffff6a', 'hex'), 2)).toBe('-1.50');
  expect(decimalText(Buffer.alloc(0), 2)).toBe('0.00');
});
