import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tokenDomain, tokeniser } from '../../processors/tokens.ts';
import { MemoryKeyring } from './memory-keyring.ts';
import { column, users } from './tables.ts';

const tokens = tokeniser(new MemoryKeyring());
const few = fc.constantFrom('1', '2', 'public.users.id', '');
const given = fc.tuple(few, few, few);

test('two tokens are equal if and only if tenant, domain and value are', () => {
  fc.assert(
    fc.property(given, given, (a, b) => {
      const same = a.every((part, at) => part === b[at]);
      expect(tokens(...a) === tokens(...b)).toBe(same);
    }),
    { numRuns: 500 },
  );
});

test('a token is 22 characters of base64url and tells nothing of its value', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 4 }), (value) => {
      expect(tokens('1', 'd', value)).toMatch(/^[\w-]{22}$/);
      expect(tokens('1', 'd', value)).not.toContain(value);
    }),
  );
});

test('golden token: it must not change, for joins across years meet in it', () => {
  expect(tokens('1', 'public.users.id', '7')).toBe('WDqE3jZxzjMLdWOKN6Dtm7');
});

test('a number has the token of its text: foreign keys may be of another type', () => {
  expect(tokens('1', 'd', 7n)).toBe(tokens('1', 'd', '7'));
  expect(tokens('1', 'd', 7)).toBe(tokens('1', 'd', '7'));
});

test('the domain of a column is its own, that of a foreign key the key it references', () => {
  expect(tokenDomain(users, column('email'))).toBe('public.users.email');
  const references = { table: 'public.accounts', column: 'id' };
  expect(tokenDomain(users, { ...column('account_id'), references })).toBe('public.accounts.id');
});
