import fc from 'fast-check';
import { expect, test } from 'vitest';
import { float32Of, numberOf } from '../../schemas/float32.ts';

const bits = new DataView(new ArrayBuffer(4));
const float = fc.nat(0xffff_ffff).map((each) => {
  bits.setUint32(0, each);
  return bits.getFloat32(0);
});

test('any float reads as a number that is this float again', () => {
  fc.assert(
    fc.property(float, (each) => {
      const number = numberOf(each);
      expect(Math.fround(number)).toBe(each);
      expect(float32Of(`${Object.is(number, -0) ? '-0' : number}`)).toBe(each);
    }),
    { numRuns: 5_000 },
  );
});

test('no shorter decimal is the same float', () => {
  fc.assert(
    fc.property(float.filter(Number.isFinite), (each) => {
      const digits = (number: number) => number.toExponential().replace(/e.*|[-.]/g, '').length;
      const length = digits(numberOf(each));
      if (length < 2 || Number.isInteger(each)) return;
      const shorter = each.toExponential(length - 2);
      expect(Math.fround(Number(shorter)) === each && numberOf(each) !== Number(shorter)).toBe(
        false,
      );
    }),
    { numRuns: 5_000 },
  );
});

/** Floats, and what the server prints for them. */
test.each([
  [1.1, 1.1],
  [3.4028234663852886e38, 3.4028235e38],
  [2 ** -149, 1e-45],
  [2 ** -126, 1.1754944e-38],
  [16_777_216, 16_777_216],
  [33_554_448, 33_554_448], // 3.355445e7 is half-way to the next.
  [2_097_152.25, 2_097_152.2], // Two decimals are as near: the even one.
  [2 ** -44, 5.684342e-14], // Floats below a power of two lie closer than above.
  [NaN, NaN],
  [-Infinity, -Infinity],
])('the float %s reads as %s', (each, number) => {
  expect(numberOf(Math.fround(each))).toBe(number);
});

const next = 1 + 2 ** -23; // The float after 1.

test.each([
  ['1.00000005960464477539062499999', 1],
  ['1.000000059604644775390625', 1], // Exactly between: the even one.
  ['1.00000005960464477539062500001', next],
  ['-1.00000005960464477539062500001', -next],
  ['1.000000178813934326171875', 1 + 2 ** -22],
  ['1e39', null],
  ['Infinity', Infinity],
  ['NaN', NaN],
  ['', null],
  ['one', null],
])('%s is the float %s, though a double would round it twice', (text, each) => {
  expect(float32Of(text)).toBe(each);
});
