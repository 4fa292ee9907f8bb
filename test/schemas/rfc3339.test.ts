import fc from 'fast-check';
import { expect, test } from 'vitest';
import { microsOf } from '../../schemas/rfc3339.ts';

const moment = fc.date({
  min: new Date('0100-01-01T00:00:00Z'),
  max: new Date('9999-12-31T00:00:00Z'),
  noInvalidDate: true,
});

test('a time is that of the calendar, in any zone', () => {
  fc.assert(
    fc.property(moment, fc.integer({ min: -839, max: 839 }), (at, ahead) => {
      expect(microsOf(at.toISOString())).toBe(at.getTime() * 1_000);
      const there = new Date(at.getTime() + ahead * 60_000).toISOString().slice(0, -1);
      const two = (n: number) => `${Math.abs(n)}`.padStart(2, '0');
      const zone = `${ahead < 0 ? '-' : '+'}${two(Math.trunc(ahead / 60))}:${two(ahead % 60)}`;
      if (there.length === 23 && there >= '0100')
        expect(microsOf(`${there}${zone}`)).toBe(at.getTime() * 1_000);
    }),
  );
});

test.each([
  ['2026-11-27T11:59:59.123456789Z', 1_795_780_799_123_456],
  ['2024-02-29T00:00:00Z', 1_709_164_800_000_000],
  ['2026-11-27T11:59:59.5Z', 1_795_780_799_500_000],
])('%s is read to the microsecond', (text, micros) => {
  expect(microsOf(text)).toBe(micros);
});

test.each([
  '2026-02-29T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-00-01T00:00:00Z',
  '2026-01-00T00:00:00Z',
  '2026-01-01T24:00:00Z',
  '2026-01-01T00:60:00Z',
  '2026-01-01T00:00:60Z',
  '2026-01-01T00:00:00',
  '2026-01-01T00:00:00.Z',
  '2026-01-01T00:00:00.1234567890Z',
  '2026-01-01T00:00:00+0100',
  '2026-01-01T00:00:00+01:00x',
  '2026-01-01T00:00:00+24:00',
  '2026-01-01 00:00:00Z',
  '2026-1-01T00:00:00Z',
  '20x6-01-01T00:00:00Z',
  '',
])('%j is no time', (text) => {
  expect(microsOf(text)).toBeNull();
});
