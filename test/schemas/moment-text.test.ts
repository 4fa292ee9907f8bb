import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dayText, microsText, timeText } from '../../schemas/moment-text.ts';

const seconds = fc.integer({ min: -62_135_596_800, max: 253_402_300_799 });

test('a moment of our era is what JavaScript calls it, with microseconds and without their last zeros', () => {
  fc.assert(
    fc.property(seconds, fc.nat(999_999), (second, part) => {
      const [date = '', time = ''] = new Date(second * 1_000).toISOString().split('T');
      const after = part === 0 ? '' : `.${`${part}`.padStart(6, '0').replace(/0+$/, '')}`;
      const text = `${date} ${time.slice(0, 8)}${after}`;
      const micros = BigInt(second) * 1_000_000n + BigInt(part);
      expect(microsText(micros, '+00')).toBe(`${text}+00`);
      if (Number.isSafeInteger(Number(micros))) expect(microsText(Number(micros), '')).toBe(text);
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  [0, '1970-01-01'],
  [-1, '1969-12-31'],
  [2_932_897, '10000-01-01'],
  [2_145_031_948 + 10_957, '5874897-12-31'],
  [-719_163, '0001-12-31 BC'],
  [-735_160, '0044-03-15 BC'],
])('day %i is %s', (day, text) => {
  expect(dayText(day)).toBe(text);
});

test('a time of day has what is left of a second only if there is something left', () => {
  expect(timeText(0)).toBe('00:00:00');
  expect(timeText(86_399_999_999)).toBe('23:59:59.999999');
  expect(timeText(36_000_500_000)).toBe('10:00:00.5');
});

test('the zone stands before the era', () => {
  expect(microsText(-62_135_596_800_000_001n, '+00')).toBe('0001-12-31 23:59:59.999999+00 BC');
  expect(microsText(2n ** 63n - 1n, '')).toBe('294247-01-10 04:00:54.775807');
});
