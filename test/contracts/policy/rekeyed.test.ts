import { expect, test } from 'vitest';
import type { Rule, TableContract } from '../../../contracts/contract.ts';
import { type Policy, policyOf } from '../../../contracts/policy/policy.ts';
import { refuseRekeyed } from '../../../contracts/policy/rekeyed.ts';
import { tablePlans } from '../../../contracts/policy/table-plans.ts';
import { users } from '../../processors/tables.ts';

interface Acts {
  readonly everybody?: Rule;
  readonly seven?: Rule;
  readonly column?: string;
}

/** A policy that does something to one column: of everybody, and of tenant 7. */
function policyFor(revision: string, { everybody, seven, column = 'id' }: Acts): Policy {
  const when = { tenants: ['7'], columns: [column] };
  const rules = seven
    ? [{ name: 'of-seven', level: 'tenant' as const, when, action: 'drop' as const }]
    : [];
  const data = { purposes: ['operations'], roles: [], rules, grants: [] };
  return policyOf({ revision, data }, (_, input) => {
    const { columns, tenant } = input as TableContract;
    const asked = tenant === '7' ? (seven ?? everybody) : everybody;
    return {
      columns: columns.map(({ name, rule }) => ({
        name,
        action: name === column ? (asked ?? rule) : rule,
        to: 0,
        level: 'tenant',
        rules: [],
      })),
      conflicts: [],
    };
  });
}

function follow(before: Acts, next: Acts): () => void {
  const planned = (revision: string, acts: Acts) => {
    const contracts = new Map([[users.table, users]]);
    const reader = { roles: [], purpose: 'operations' };
    return { revision, plans: tablePlans(policyFor(revision, acts), contracts, reader) };
  };
  return () => refuseRekeyed(planned('p1', before), planned('p2', next));
}

test.for<readonly [string, Acts, Acts, string]>([
  ['a key is made a token', {}, { everybody: 'tokenise' }, 'from keep to tokenise'],
  ['a key is a token no more', { everybody: 'tokenise' }, {}, 'from tokenise to keep'],
  ["a tenant's key is made a token", {}, { seven: 'tokenise' }, 'of a tenant'],
  ["a tenant's key is a token no more", { seven: 'tokenise' }, {}, 'of a tenant'],
  [
    'all but a tenant have tokens, which had one alone',
    { seven: 'tokenise' },
    { everybody: 'tokenise' },
    'users.id is of the key, and would turn from keep',
  ],
])('a revision by which %s cannot follow', ([, before, next, said]) => {
  expect(follow(before, next)).toThrow(said);
  expect(follow(before, next)).toThrow('public.users.id');
  expect(follow(before, next)).not.toThrow('7');
});

test.for<readonly [string, Acts, Acts]>([
  ['the same keys', { everybody: 'tokenise' }, { everybody: 'tokenise', seven: 'tokenise' }],
  ['other values', {}, { column: 'city', everybody: 'mask', seven: 'tokenise' }],
])('a revision that makes %s can follow', ([, before, next]) => {
  expect(follow(before, next)).not.toThrow();
});
