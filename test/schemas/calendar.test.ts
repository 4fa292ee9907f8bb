import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dateOf, daysInMonth, daysOf } from '../../schemas/calendar.ts';

const days = fc.oneof(
  fc.integer({ min: -100_000_000, max: 100_000_000 }), // As far as a Date goes.
  fc.integer({ min: -1_000_000, max: 100_000 }),
);

const unpacked = (packed: number) => {
  const year = Math.floor(packed / 512);
  const rest = packed - year * 512;
  return { year, month: rest >> 5, day: rest & 31 };
};

test('a day is the day of JavaScript’s own calendar, there and back', () => {
  fc.assert(
    fc.property(days, (each) => {
      const date = new Date(each * 86_400_000);
      const { year, month, day } = unpacked(dateOf(each));
      expect([year, month, day]).toEqual([
        date.getUTCFullYear(),
        date.getUTCMonth() + 1,
        date.getUTCDate(),
      ]);
      if (year > -5_000) expect(daysOf(year, month, day)).toBe(each);
    }),
    { numRuns: 3_000 },
  );
});

test('the last day of PostgreSQL is a day like any other', () => {
  const last = daysOf(5_874_897, 12, 31);
  expect(unpacked(dateOf(last))).toEqual({ year: 5_874_897, month: 12, day: 31 });
});

test('a month has as many days as until the next', () => {
  for (const year of [-4_712, -4, 0, 1, 1900, 2000, 2023, 2024])
    for (let month = 1; month < 12; month++)
      expect(daysInMonth(year, month)).toBe(daysOf(year, month + 1, 1) - daysOf(year, month, 1));
});
