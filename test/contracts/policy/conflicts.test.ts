import { expect, test } from 'vitest';
import { readBundle, shippedBundle, bundleOf } from '../../../contracts/policy/bundle.ts';
import { conflictsOf, conflictText } from '../../../contracts/policy/conflicts.ts';
import { loadPolicy } from '../../../contracts/policy/policy.ts';
import { users } from '../../processors/tables.ts';

const reader = { roles: ['high-clearance'], purpose: 'operations' };

/** A rule of the dataset `public.users` for its city. */
const rule = (name: string, action: string, when: object = {}) => ({
  name,
  level: 'dataset',
  when: { datasets: [users.table], columns: ['city'], ...when },
  action,
});

async function conflictsAmong(...rules: readonly object[]) {
  const { wasm, data, sources } = await readBundle(shippedBundle);
  const dataText = JSON.stringify({ ...data, rules });
  const policy = await loadPolicy(bundleOf({ wasm, dataText, sources }, 'a test'));
  return conflictsOf(policy, new Map([[users.table, users]]), reader);
}

test('rules of one level that disagree are told once, however many tenants have rules of their own', async () => {
  const own = rule('mine', 'mask', { tenants: ['7', '8'], columns: ['email'] });
  const found = await conflictsAmong(rule('a', 'mask'), rule('b', 'drop'), own);
  expect(found.map((conflict) => `${conflict.table}, ${conflictText(conflict)}`)).toEqual([
    'public.users, column city: the dataset rules a and b wish drop and mask; the strictest counts',
  ]);
});

test('so are those that disagree about the rows of one tenant alone', async () => {
  const found = await conflictsAmong(rule('a', 'mask'), rule('b', 'drop', { tenants: ['7'] }));
  expect(found).toMatchObject([{ table: 'public.users', column: 'city', rules: ['a', 'b'] }]);
});

test('rules that agree are no conflict', async () => {
  expect(await conflictsAmong(rule('a', 'mask'), rule('b', 'mask'))).toEqual([]);
});
