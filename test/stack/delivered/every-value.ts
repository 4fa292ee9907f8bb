import fc from 'fast-check';
import { dayText, microsText, timeText } from '../../../schemas/moment-text.ts';
import type { Row, Value } from '../../../schemas/value.ts';

const day = 86_400_000_000;
const from = { days: -25_567, micros: -25_567 * day }; // 1900.
const to = { days: 120_529, micros: 120_529 * day }; // 2299: as far as ClickHouse goes.

const text = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom('é', '"', '\\', '\t', '\n', "'", '{', ',', '😀', ' '),
      fc.string({ minLength: 1, maxLength: 1 }),
    ),
  })
  .map((value) => value.replaceAll('\0', ''));
const digits = (scale: number, most: bigint) =>
  fc.bigInt({ min: -most, max: most }).map((value) => {
    const all = `${value < 0n ? -value : value}`.padStart(scale + 1, '0');
    return `${value < 0n ? '-' : ''}${all.slice(0, -scale)}.${all.slice(-scale)}`;
  });
const micros = fc.oneof(
  fc.integer({ min: from.micros, max: to.micros }),
  fc.integer({ min: from.micros / 1e6, max: to.micros / 1e6 }).map((seconds) => seconds * 1e6),
);

/** Columns of every type that some sink keeps otherwise than as text, and any value of each. */
export const everyValue: Readonly<Record<string, readonly [type: string, fc.Arbitrary<Value>]>> = {
  yes: ['boolean', fc.boolean()],
  small: ['smallint', fc.integer({ min: -32_768, max: 32_767 })],
  i: ['integer', fc.integer()],
  l: ['bigint', fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  f: ['real', fc.float()],
  d: ['double precision', fc.double()],
  n: ['numeric(12,3)', digits(3, 10n ** 12n - 1n)],
  wide: ['numeric(50,2)', digits(2, 10n ** 50n - 1n)],
  any: ['numeric', digits(5, 10n ** 60n)],
  at: ['timestamp with time zone', micros.map((value) => microsText(value, '+00'))],
  local: ['timestamp without time zone', micros.map((value) => microsText(value, ''))],
  day: ['date', fc.integer({ min: from.days, max: to.days - 1 }).map(dayText)],
  t: ['time without time zone', fc.integer({ min: 0, max: day - 1 }).map(timeText)],
  u: ['uuid', fc.uuid()],
  bytes: ['bytea', fc.uint8Array().map((bytes) => `\\x${Buffer.from(bytes).toString('hex')}`)],
  v: ['text', text],
  'odd \'name"': ['text', text],
  j: ['json', fc.json().filter((json) => !json.includes('\\u0000'))],
};

/** Rows with any values, or nulls; the key is text and a number. */
export const anyRow: fc.Arbitrary<Row> = fc.record({
  id: text,
  no: fc.integer(),
  ...Object.fromEntries(
    Object.entries(everyValue).map(([name, [, value]]) => [name, fc.option(value, { freq: 6 })]),
  ),
});
