import { expect, test } from 'vitest';
import { wordsOf } from '../../contracts/error-words.ts';

const secret = 'value "secret" is not of type integer';
const coded = (code: string) => Object.assign(new Error(secret), { code });

for (const code of ['22P02', '22003', '23514', 'P0001', '38000', '39P01', 'HV000'])
  test(`of a complaint with SQLSTATE ${code} the words are not repeated`, () => {
    expect(wordsOf(coded(code))).toContain(code);
    expect(wordsOf(coded(code))).not.toContain('secret');
  });

for (const code of ['42P01', '57P01', '22', '2200', 'ECONNREFUSED'])
  test(`of an error with the code ${code} they are`, () => {
    expect(wordsOf(coded(code))).toBe(secret);
  });

test('what has no code has its words', () => {
  expect(wordsOf(new Error('lost'))).toBe('lost');
  expect(wordsOf('lost')).toBe('lost');
});
