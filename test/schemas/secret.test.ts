import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeSecret, encodeSecret, encodeValues } from '../../schemas/secret.ts';
import { unchanged, type Unchanged, type Value } from '../../schemas/value.ts';
import { columns, rowOf } from './arbitrary.ts';

test('every secret comes back as it was, whatever its columns are called and hold', () => {
  const image = columns.chain((of) => fc.option(rowOf(of)));
  fc.assert(
    fc.property(image, image, (before, after) => {
      expect(decodeSecret(encodeSecret({ before, after }))).toStrictEqual({ before, after });
    }),
    { numRuns: 1_000 },
  );
});

const values: readonly (Value | Unchanged)[] = [
  9_007_199_254_740_993n,
  -1n,
  NaN,
  Infinity,
  -Infinity,
  -0,
  0,
  '',
  '$',
  null,
  true,
  unchanged,
];

for (const value of values)
  test(`${Object.is(value, -0) ? '-0' : String(value)} (${typeof value}) comes back as it was`, () => {
    const read = decodeSecret(encodeSecret({ before: null, after: { column: value } }));
    expect(Object.is(read.after?.['column'], value)).toBe(true);
  });

test('a row may have a column named as our own marks are', () => {
  const after = { $: 'bigint', text: '5' };
  expect(decodeSecret(encodeSecret({ before: null, after })).after).toEqual(after);
});

test('the same secret is the same text', () => {
  const secret = () => ({ before: null, after: { a: 1n, b: 'x' } });
  expect(encodeSecret(secret())).toBe(encodeSecret(secret()));
});

test('bytes are written in base64, and not number by number', () => {
  const text = encodeValues({ sealed: Buffer.from('a sealed box') });
  expect(text).toContain(Buffer.from('a sealed box').toString('base64'));
});
