import { createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formedToken, hasForm } from '../../processors/formed-token.ts';

const key = createSecretKey(Buffer.alloc(32, 7));
const digits = formedToken('digits', key, 'public.users.phone');
const alphanumeric = formedToken('alphanumeric', key, 'public.users.code');
const looksOf = (text: string) =>
  text.replaceAll(/\d/g, '9').replaceAll(/[a-z]/g, 'a').replaceAll(/[A-Z]/g, 'A');

test.for([
  ['+41 79 123 45 67', '+99 99 999 99 99'],
  ['4000-1234-5678-9010', '9999-9999-9999-9999'],
  ['(044) 555.01/23', '(999) 999.99/99'],
  ['000000', '999999'],
])('a token of %s has its length, and its separators where they were', ([value, looks]) => {
  expect(looksOf(digits(value!)!)).toBe(looks);
  expect(digits(value!)).not.toBe(value);
});

test('of six digits a sample has as many tokens as values, each of six digits', () => {
  const values = Array.from({ length: 20_000 }, (_, n) => `${(n * 49_999) % 1_000_000}`);
  const all = new Set(values.map((each) => each.padStart(6, '0')));
  const made = new Set([...all].map(digits));
  expect(made.size).toBe(all.size);
  for (const each of made) expect(each).toMatch(/^\d{6}$/);
});

const classed = fc.array(
  fc.oneof(
    fc.constantFrom(...'0123456789'.split('')),
    fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz'.split('')),
    fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'.split('')),
    fc.constantFrom(...' +-./():_'.split('')),
  ),
  { maxLength: 40 },
);

test('each class of symbols is kept where there are a million texts that look like it, and only there', () => {
  fc.assert(
    fc.property(classed, (parts) => {
      const value = parts.join('');
      const looks = looksOf(value);
      const texts = looks
        .split('')
        .reduce((n, c) => n * (c === '9' ? 10 : /[aA]/.test(c) ? 26 : 1), 1);
      const token = alphanumeric(value);
      expect(token === null).toBe(texts < 1_000_000);
      expect(hasForm('alphanumeric', value)).toBe(token !== null);
      if (token !== null) expect(looksOf(token)).toBe(looks);
    }),
  );
});

test('letters and digits: of few texts that look alike, no two have one token', () => {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
  const values = Array.from(
    { length: 5_000 },
    (_, n) =>
      `${letters[n % 26]}${letters[(n * 7) % 26]}${String((n * 31) % 10_000).padStart(4, '0')}`,
  );
  expect(new Set(values.map(alphanumeric)).size).toBe(new Set(values).size);
});

test.for([
  ['five digits could be tried one by one', '12345'],
  ['nothing', ''],
  ['letters would stay as they are', '+41 79 123 45 67 ext'],
  ['digits of another script', '０１２３４５６'],
  ['what nobody types', '1'.repeat(129)],
  ['a line of its own', '123456\n'],
])('no token of digits: %s', ([, value]) => {
  expect(digits(value!)).toBe(null);
  expect(hasForm('digits', value!)).toBe(false);
});
