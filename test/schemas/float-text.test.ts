import { expect, test } from 'vitest';
import { float4Text, float8Text } from '../../schemas/float-text.ts';

/** As the server prints them with extra_float_digits = 3. */
test.each([
  [0, '0'],
  [-0, '-0'],
  [1.5, '1.5'],
  [-100_000, '-100000'],
  [123_456_789_012_345, '123456789012345'],
  [1e15, '1e+15'],
  [1234567890123456, '1.234567890123456e+15'],
  [0.0001, '0.0001'],
  [0.00001, '1e-05'],
  [5e-324, '5e-324'],
  [1.7976931348623157e308, '1.7976931348623157e+308'],
  [18014398509481992, '1.8014398509481992e+16'], // JavaScript takes the border …990 for it.
  [NaN, 'NaN'],
  [-Infinity, '-Infinity'],
])('the double %s is written %s', (value, text) => {
  expect(float8Text(value)).toBe(text);
});

test.each([
  [1.1, '1.1'],
  [123_456, '123456'],
  [1_234_567, '1.234567e+06'],
  [2.3178664e21, '2.3178664e+21'],
  [-0, '-0'],
  [NaN, 'NaN'],
])('the float %s is written %s', (value, text) => {
  expect(float4Text(Math.fround(value))).toBe(text);
});
