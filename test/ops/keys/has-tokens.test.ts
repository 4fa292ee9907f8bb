import { expect, test } from 'vitest';
import type { Rule } from '../../../contracts/contract.ts';
import { hasTokens } from '../../../ops/keys/has-tokens.ts';
import { plansOf } from '../../processors/plans.ts';
import { column, users } from '../../processors/tables.ts';

const plain = { ...users, columns: [column('id'), column('tenant_id'), column('city')] };
const tokenised = (of: string, whose: string | null) => (name: string, tenant: string | null) =>
  ((whose === null || tenant === whose) && name === of ? 'tokenise' : 'keep') satisfies Rule;

test.for([
  ['policy makes of everybody', plain, plansOf(plain, tokenised('city', null))],
  ["policy makes of a tenant's rows alone", plain, plansOf(plain, tokenised('city', '7'), ['7'])],
  ['its contract makes', users, plansOf(users, () => 'keep')],
  [
    'capture makes of a confidential key',
    { ...plain, columns: [column('id', 'restricted')] },
    undefined,
  ],
] as const)('a table has the tokens that %s', ([, of, plans]) => {
  expect(hasTokens(of, plans)).toBe(true);
});

test('a table of which nobody makes a token has none', () => {
  expect(
    hasTokens(
      plain,
      plansOf(plain, () => 'keep', ['7']),
    ),
  ).toBe(false);
});
