import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keyText } from '../../schemas/value.ts';
import { columns, keyOf } from './arbitrary.ts';

const golden = [
  { key: { id: 7 }, text: '{"id":7}' },
  { key: { id: 9_223_372_036_854_775_807n }, text: '{"id":9223372036854775807}' },
  { key: { b: 'x', a: true }, text: '{"b":"x","a":true}' },
  { key: { 'odd "name': 'Zoë\n' }, text: '{"odd \\"name":"Zoë\\n"}' },
] as const;

for (const { key, text } of golden)
  test(`golden key text ${text}`, () => {
    expect(keyText(key)).toBe(text);
  });

test('a number and a bigint of one value are one key', () => {
  expect(keyText({ id: 7 })).toBe(keyText({ id: 7n }));
});

test('a zero and a negative zero are one key, as they are to PostgreSQL', () => {
  expect(keyText({ id: -0 })).toBe(keyText({ id: 0 }));
});

test('keys that are no finite numbers are told apart', () => {
  const texts = [NaN, Infinity, -Infinity, null].map((id) => keyText({ id }));
  expect(new Set(texts).size).toBe(4);
});

test('two keys of one table have one text only if they are equal', () => {
  const twoKeys = columns.chain((of) => fc.tuple(keyOf(of), keyOf(of)));
  fc.assert(
    fc.property(twoKeys, ([a, b]) => {
      const same = Object.keys(a).every(
        (column) => a[column] === b[column] || Object.is(a[column], b[column]),
      );
      expect(keyText(a) === keyText(b)).toBe(same);
    }),
    { numRuns: 1_000 },
  );
});
