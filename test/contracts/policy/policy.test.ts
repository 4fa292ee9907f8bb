import fc from 'fast-check';
import { expect, test } from 'vitest';
import { promisedTreatment, stricter } from '../../../contracts/policy/plan.ts';
import { PolicyFailure, readBundle, shippedBundle } from '../../../contracts/policy/bundle.ts';
import { loadPolicy, policyOf } from '../../../contracts/policy/policy.ts';
import { lattice } from '../../../contracts/strictness.ts';
import type { PolicyData } from '../../../contracts/policy/rules.ts';
import { loadContracts } from '../../../contracts/odcs.ts';
import { column, contract as anyContract, users } from '../../processors/tables.ts';

const shipped = await loadPolicy(await readBundle(shippedBundle));
const operations = { roles: ['high-clearance'], purpose: 'operations' };

const data: PolicyData = {
  purposes: ['operations'],
  roles: ['analyst', 'admin'],
  rules: [],
  grants: [],
};
const answering = (answer: unknown, more: Partial<PolicyData> = {}) =>
  policyOf({ revision: 'p1', data: { ...data, ...more } }, () => answer);

const answered = (action: string, to = 0) => ({
  columns: users.columns.map(({ name }) => ({ name, action, to, level: 'purpose', rules: ['r'] })),
  conflicts: [],
});

test('the shipped policy, by default, does to the shipped contracts what they promise and no more', async () => {
  for (const contract of await loadContracts('contracts/tables')) {
    const { columns, conflicts } = shipped.plan(contract, operations);
    expect(conflicts).toEqual([]);
    expect(columns.map(({ action }) => action)).toEqual(contract.columns.map(({ rule }) => rule));
  }
});

test('without clearance what is highly sensitive is masked, by whatever name a role goes', () => {
  const of = { ...users, columns: [{ ...column('c'), sensitivity: 'high' as const }] };
  const see = (...roles: readonly string[]) =>
    shipped.plan(of, { roles, purpose: 'operations' }).columns[0];
  expect(see('analyst')).toMatchObject({ action: 'mask', level: 'redact' });
  expect(see('no role of ours')).toMatchObject({ action: 'mask', level: 'redact' });
  expect(see('analyst', 'high-clearance')).toMatchObject({ action: 'keep' });
});

test('a plan is evaluated once per tier, purpose, contract revision and tenant with rules of its own', () => {
  let evaluated = 0;
  const rule: PolicyData['rules'][number] = {
    name: 'r',
    level: 'tenant',
    when: { tenants: ['7'] },
    action: 'mask',
  };
  const policy = policyOf({ revision: 'p1', data: { ...data, rules: [rule] } }, () => {
    evaluated++;
    return answered('keep');
  });
  const ask = (roles: readonly string[], tenant: string | null = null, of = users) =>
    policy.plan(of, { roles, purpose: 'operations' }, tenant);
  const first = ask(['analyst', 'of no rule']);
  expect(ask(['analyst'])).toBe(first);
  expect(ask(['analyst'], '8')).toBe(first); // Without rules of its own it is everybody.
  expect(evaluated).toBe(1);
  expect(ask(['analyst'], '7').tenant).toBe('7');
  ask(['admin']);
  ask([], null, { ...users, revision: 'r2' });
  expect(evaluated).toBe(4);
  expect([policy.tierOf(['admin', 'analyst']), policy.tierOf(['x'])]).toEqual([
    'analyst+admin',
    'none',
  ]);
});

const broken = [
  {
    name: 'throws',
    evaluate: () => {
      throw new Error('trap');
    },
    says: 'it cannot be evaluated (trap)',
  },
  { name: 'decides nothing', evaluate: () => undefined, says: 'is operations among its purposes' },
  { name: 'answers with no plan', evaluate: () => 'all is well', says: 'not of the form' },
  {
    name: 'answers with an action that there is not',
    evaluate: () => answered('publish'),
    says: 'columns.0.action',
  },
  {
    name: 'says more than was agreed on',
    evaluate: () => ({ ...answered('mask'), allow: true }),
    says: 'not of the form',
  },
  {
    name: 'leaves a column out',
    evaluate: () => ({ ...answered('mask'), columns: answered('mask').columns.slice(1) }),
    says: 'column id',
  },
  {
    name: 'decides a column twice',
    evaluate: () => ({
      ...answered('mask'),
      columns: [...answered('mask').columns, answered('keep').columns[4]],
    }),
    says: 'column city',
  },
  {
    name: 'decides a column that there is not',
    evaluate: () => ({
      ...answered('mask'),
      columns: [...answered('mask').columns, { ...answered('mask').columns[0], name: 'x' }],
    }),
    says: 'a column that no contract has',
  },
  {
    name: 'generalises without a hierarchy',
    evaluate: () => answered('generalise', 1),
    says: 'r wishes level 1 of a hierarchy that ends at 0',
  },
  {
    name: 'gives a level to what has none',
    evaluate: () => answered('mask', 2),
    says: 'r wishes level 2',
  },
] as const;

for (const { name, evaluate, says } of broken)
  test(`a policy that ${name} refuses, and says where`, () => {
    const plan = () => policyOf({ revision: 'p1', data }, evaluate).plan(users, operations);
    expect(plan).toThrow(PolicyFailure);
    expect(plan).toThrow(says);
    expect(plan).toThrow('table public.users');
  });

test('whatever a policy answers, it refuses or is at least as strict as the contract with every column', () => {
  const action = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...lattice) }, fc.string());
  const some = (name: string) =>
    fc.record({
      name: fc.oneof({ weight: 30, arbitrary: fc.constant(name) }, fc.string()),
      action,
      to: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(0, 1) }, fc.anything()),
      level: fc.constantFrom('contract', 'redact', 'tenant', 'dataset', 'purpose'),
      rules: fc.constant(['r']),
    });
  const world = anyContract.chain((of) =>
    fc.tuple(
      fc.constant(of),
      fc.oneof(
        {
          weight: 20,
          arbitrary: fc.record({
            columns: fc.tuple(...of.columns.map(({ name }) => some(name))),
            conflicts: fc.constant([]),
          }),
        },
        fc.anything(),
      ),
    ),
  );
  let planned = 0;
  fc.assert(
    fc.property(world, ([of, answer]) => {
      let plan;
      try {
        plan = answering(answer).plan(of, operations);
      } catch (error) {
        expect(error).toBeInstanceOf(PolicyFailure);
        return;
      }
      planned++;
      expect(plan.columns.map(({ name }) => name)).toEqual(of.columns.map(({ name }) => name));
      for (const [at, each] of plan.columns.entries()) {
        const promised = promisedTreatment(of.columns[at]!);
        expect(stricter(promised, each)).toMatchObject({ action: each.action, to: each.to });
      }
    }),
    { numRuns: 2_000 },
  );
  expect(planned).toBeGreaterThan(20);
});

const asking = {
  action: 'admin.write',
  purpose: 'operations',
  tenant: null,
  dataset: null,
  scopes: null,
};

test('abilities are decided by the same bundle, and its revision is in the decision', () => {
  const may = (roles: readonly string[], more: object = {}) =>
    shipped.decide({ ...asking, roles, ...more });
  expect(may(['admin'])).toEqual({
    revision: shipped.revision,
    action: 'admin.write',
    allow: true,
    level: 'tenant',
    rules: ['admins-administer'],
    conflicts: [],
  });
  expect(may(['analyst']).allow).toBe(false);
  expect(may([]).level).toBe('none');
  expect(may(['admin'], { purpose: 'marketing' })).toMatchObject({
    allow: false,
    level: 'purpose',
  });
  expect(may(['admin'], { purpose: 'fun' }).allow).toBe(false);
  expect(may(['admin'], { scopes: ['catalog.read'] })).toMatchObject({
    allow: false,
    level: 'scope',
  });
  expect(may(['privacy-officer'], { action: 'privacy.write' }).allow).toBe(true);
});

test('a decision in no known form refuses, and one of another action allows nothing', () => {
  const allowed = {
    action: 'catalog.read',
    allow: true,
    level: 'tenant',
    rules: [],
    conflicts: [],
  };
  expect(answering(allowed).decide({ ...asking, roles: [] }).allow).toBe(false);
  for (const answer of [undefined, true, { ...allowed, allow: 'yes' }])
    expect(() => answering(answer).decide({ ...asking, roles: [] })).toThrow(PolicyFailure);
});
