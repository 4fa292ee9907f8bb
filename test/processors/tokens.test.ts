import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formedToken } from '../../processors/formed-token.ts';
import { tokenDomain, tokeniser } from '../../processors/tokens.ts';
import type { Value } from '../../schemas/value.ts';
import { MemoryKeyring } from './memory-keyring.ts';
import { column, users } from './tables.ts';

const tokens = tokeniser(new MemoryKeyring());
const plain = (tenant: string, name: string, value: Value & {}) =>
  tokens({ name, form: null })(tenant, value);
const few = fc.constantFrom('1', '2', 'public.users.id', '');
const given = fc.tuple(few, few, few);

test('two tokens are equal if and only if tenant, domain and value are', () => {
  fc.assert(
    fc.property(given, given, (a, b) => {
      const same = a.every((part, at) => part === b[at]);
      expect(plain(...a) === plain(...b)).toBe(same);
    }),
    { numRuns: 500 },
  );
});

test('a token is 22 characters of base64url and tells nothing of its value', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 4 }), (value) => {
      expect(plain('1', 'd', value)).toMatch(/^[\w-]{22}$/);
      expect(plain('1', 'd', value)).not.toContain(value);
    }),
  );
});

test('golden token: it must not change, for joins across years meet in it', () => {
  expect(plain('1', 'public.users.id', '7')).toBe('WDqE3jZxzjMLdWOKN6Dtm7');
});

test('a number has the token of its text: foreign keys may be of another type', () => {
  expect(plain('1', 'd', 7n)).toBe(plain('1', 'd', '7'));
  expect(plain('1', 'd', 7)).toBe(plain('1', 'd', '7'));
});

test('the domain of a column is its own, that of a foreign key the key it references', () => {
  expect(tokenDomain(users, column('email'))).toEqual({ name: 'public.users.email', form: null });
  const references = { table: 'public.accounts', column: 'id' };
  const pointing = { ...column('account_id'), references, tokenForm: 'digits' as const };
  expect(tokenDomain(users, pointing)).toEqual({ name: 'public.accounts.id', form: 'digits' });
});

describe('tokens of a form', () => {
  const digits = tokens({ name: 'public.users.phone', form: 'digits' });
  const made = fc.constantFrom('1', '2');
  const phone = fc
    .array(fc.oneof(fc.nat(9).map(String), fc.constantFrom(' ', '-', '+', '(0)')), {
      maxLength: 24,
    })
    .map((parts) => parts.join(''));

  test('two of them are equal if and only if tenant and value are, and of other columns they are others', () => {
    const other = tokens({ name: 'public.users.card', form: 'digits' });
    fc.assert(
      fc.property(made, phone, made, phone, (tenant, value, another, second) => {
        const isSame = tenant === another && value === second;
        expect(digits(tenant, value) === digits(another, second)).toBe(isSame);
        expect(digits(tenant, value)).toBe(digits(tenant, value));
        expect(other(tenant, value)).not.toBe(digits(tenant, value));
      }),
      { numRuns: 500 },
    );
  });

  test('a value that has not the form has the plain token of its column, and none of its letters leaves', () => {
    for (const value of ['', '12345', 'Ada, +41 79 123 45 67', '０１２３４５６', '1'.repeat(129)])
      expect(digits('1', value)).toBe(plain('1', 'public.users.phone', value));
  });

  test('golden tokens: they must not change, for joins across years meet in them', () => {
    expect(digits('1', '+41 79 123 45 67')).toBe('+91 27 993 91 01');
    const codes = tokens({ name: 'public.users.iban', form: 'alphanumeric' });
    expect(codes('1', 'CH93 0076 2011 6238 5295 7')).toBe('LM81 6670 6891 7090 1336 3');
  });

  test('the cipher’s key is not the key of plain tokens', () => {
    const keyring = new MemoryKeyring();
    const bare = formedToken('digits', keyring.tokenKey('1'), 'public.users.phone');
    expect(bare('+41 79 123 45 67')).not.toBe(digits('1', '+41 79 123 45 67'));
  });

  test('of more tenants than ciphers are kept each has its own tokens still', () => {
    const keys = new Map(
      Array.from({ length: 4_200 }, (_, n) => [`${n}`, new MemoryKeyring().tokenKey(`${n}`)]),
    );
    const many = tokeniser({ tokenKey: (tenant) => keys.get(tenant)! });
    const token = many({ name: 'public.users.phone', form: 'digits' });
    const all = [...keys.keys()].map((tenant) => token(tenant, '079 123 45 67'));
    expect([...keys.keys()].map((tenant) => token(tenant, '079 123 45 67'))).toEqual(all);
    expect(new Set(all).size).toBe(all.length);
  });
});
