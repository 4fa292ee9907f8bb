import { expect, test } from 'vitest';
import type { Value } from '../../../schemas/value.ts';
import { canonical } from '../../../ops/demo/canonical.ts';

test.each<[type: string, one: Value, other: Value]>([
  ['numeric(12,2)', '1.50', '1.5'],
  ['numeric', '-0.00', '0'],
  ['numeric', '100', '1e2'],
  ['numeric', '0.0012', '1.2e-3'],
  [
    'numeric',
    '12345678901234567890.123456789012345678',
    '+12345678901234567890.1234567890123456780',
  ],
  ['numeric', '120', '1.2E+2'],
  ['numeric', '1200', '12e2'],
  ['numeric', '12.5', '0.125e2'],
  ['numeric', '.5', '0.50'],
  ['bigint', 9007199254740993n, '9007199254740993'],
  ['smallint', 7, '7'],
  ['boolean', true, 't'],
  ['boolean', '1', 'true'],
  ['boolean', 'false', 'f'],
  ['double precision', 0.1, '0.1'],
  ['double precision', '1e3', 1000],
  ['timestamp with time zone', '2025-02-03 04:05:06+00', '2025-02-03T06:05:06.000000+02:00'],
  ['timestamp with time zone', '2025-02-03 04:05:06.12+00', '2025-02-03 04:05:06.120000'],
  ['timestamp with time zone', '2024-12-31 23:30:00-01:30', '2025-01-01T01:00:00Z'],
  ['timestamp(3) with time zone', '2025-02-03 04:05:06.5+00', '2025-02-03T04:05:06.500Z[UTC]'],
  ['timestamp without time zone', '2025-02-03 04:05:06', '2025-02-03T04:05:06.000000000'],
  ['jsonb', '{"b": 1.0, "a": [true, null]}', '{"a":[true,null],"b":1}'],
  ['text', 'x', 'x'],
])('a %s is the same however it is printed: %s, %s', (type, one, other) => {
  expect(canonical(type, one)).toBe(canonical(type, other));
});

test.each<[type: string, one: Value, other: Value]>([
  ['numeric', '12345678901234567.1', '12345678901234567.2'],
  ['numeric', '10', '1'],
  ['numeric', '-1', '1'],
  ['bigint', '9007199254740993', '9007199254740992'],
  ['timestamp with time zone', '2025-02-03 04:05:06.123456+00', '2025-02-03 04:05:06.123457+00'],
  ['timestamp with time zone', '2025-02-03 04:05:06+00', '2025-02-03 04:05:06+01'],
  ['jsonb', '{"a": 9007199254740993}', '{"a": 9007199254740992}'],
  ['jsonb', '{"a": "1"}', '{"a": 1}'],
  ['text', '', null],
  ['text', 'a', 'a '],
])('a %s differs: %s, %s', (type, one, other) => {
  expect(canonical(type, one)).not.toBe(canonical(type, other));
});

test('what is no moment and no number stays as it is', () => {
  expect(canonical('timestamp with time zone', 'infinity')).toBe('infinity');
  expect(canonical('numeric', 'NaN')).toBe('NaN');
});
