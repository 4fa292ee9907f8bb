import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ColumnContract, Rule, TableContract } from '../../../contracts/contract.ts';
import { compare } from '../../../contracts/policy/compare.ts';
import {
  type MaskPlan,
  narrowed,
  stricter,
  type Treatment,
  unpublishable,
} from '../../../contracts/policy/plan.ts';
import { lattice } from '../../../contracts/strictness.ts';
import { column, planned, users } from '../../processors/tables.ts';

const order: readonly (readonly [wider: Rule, stricter: Rule])[] = [
  ['keep', 'generalise'],
  ['generalise', 'tokenise'],
  ['tokenise', 'mask'],
  ['mask', 'seal'],
  ['seal', 'drop'],
];

for (const [wide, strict] of order)
  test(`${strict} is stricter than ${wide}, whoever says it`, () => {
    const [a, b] = [
      { action: wide, to: wide === 'generalise' ? 9 : 0 },
      { action: strict, to: 0 },
    ];
    expect(stricter(a, b)).toBe(b);
    expect(stricter(b, a)).toBe(b);
  });

const treatment: fc.Arbitrary<Treatment> = fc.record({
  action: fc.constantFrom(...lattice),
  to: fc.nat(3),
});

test('what is stricter does not depend on the order in which it is asked', () => {
  fc.assert(
    fc.property(treatment, treatment, treatment, (a, b, c) => {
      expect(stricter(a, b)).toEqual(stricter(b, a));
      expect(stricter(stricter(a, b), c)).toEqual(stricter(a, stricter(b, c)));
      expect(stricter(a, a)).toEqual(a);
    }),
  );
});

const planOf = (of: TableContract, treatments: readonly Treatment[]): MaskPlan => ({
  revision: 'p9',
  contract: of.revision,
  table: of.table,
  tier: 'none',
  purpose: 'operations',
  tenant: null,
  columns: of.columns.map(({ name }, at) => ({
    name,
    ...(treatments[at] ?? { action: 'drop', to: 0 }),
    level: 'contract',
    rules: [],
  })),
  conflicts: [],
});

const layered = { kind: 'prefixes', lengths: [2, 1], level: 1 } as const;

test('a narrowed contract has every column, each as strict as both ask, and the revisions of both', () => {
  const rules = fc.array(fc.constantFrom(...lattice), { minLength: 5, maxLength: 5 });
  fc.assert(
    fc.property(rules, fc.array(treatment, { minLength: 5, maxLength: 5 }), (own, asked) => {
      const of = {
        ...users,
        columns: users.columns.map((each, at): ColumnContract => ({
          ...each,
          rule: own[at] ?? 'drop',
          hierarchy: layered,
        })),
      };
      const out = narrowed(of, planOf(of, asked));
      expect(out.policy).toBe('p9/r1');
      expect(out.columns.map(({ name }) => name)).toEqual(of.columns.map(({ name }) => name));
      for (const [at, { rule }] of out.columns.entries()) {
        const most = Math.max(lattice.indexOf(own[at]!), lattice.indexOf(asked[at]!.action));
        expect(rule).toBe(lattice[most]);
      }
    }),
  );
});

test('of two levels of generalising the higher counts, and never more than the hierarchy has', () => {
  const coarse = { ...column('c', 'internal', 'generalise'), hierarchy: { ...layered, level: 2 } };
  const of = { ...users, columns: [coarse] };
  const levelAt = (to: number) =>
    narrowed(of, planOf(of, [{ action: 'generalise', to }])).columns[0]?.hierarchy?.level;
  expect([1, 2, 3, 9].map(levelAt)).toEqual([2, 2, 3, 3]);
});

test('a plan of another contract, or of another revision of it, is refused', () => {
  const plan = planOf(users, []);
  expect(() => narrowed({ ...users, revision: 'r2' }, plan)).toThrow('no plan for');
  expect(() => narrowed({ ...users, table: 'public.others' }, plan)).toThrow('no plan for');
});

test('a column that a plan has in another place is dropped', () => {
  const plan = planOf(
    users,
    users.columns.map(() => ({ action: 'keep', to: 0 })),
  );
  const turned = { ...plan, columns: plan.columns.toReversed() };
  const kept = narrowed(users, turned).columns.filter(({ rule }) => rule !== 'drop');
  expect(kept.map(({ name }) => name)).toEqual(['email']); // The middle one is where it was.
});

const withRule = (name: string, rule: Rule) =>
  planned({
    ...users,
    columns: users.columns.map((each) => (each.name === name ? { ...each, rule } : each)),
  });

const orders = (rule: Rule) =>
  planned({
    ...users,
    table: 'public.orders',
    key: [],
    columns: [
      {
        ...column('user_id', 'internal', rule),
        references: { table: 'public.users', column: 'id' },
      },
    ],
    graph: {
      label: 'Order',
      relationships: [{ type: 'OF', column: 'user_id', to: 'public.users' }],
    },
  });

const cases = [
  { name: 'what can be published has no fault', plans: [planned(users), orders('keep')], says: [] },
  {
    name: 'a masked key column',
    plans: [withRule('id', 'mask')],
    says: ['column id: is of the key'],
  },
  {
    name: 'a dropped key column',
    plans: [withRule('id', 'drop')],
    says: ['column id: is of the key'],
  },
  {
    name: 'a generalised end of a relationship',
    plans: [orders('generalise')],
    says: ['followed by a relationship'],
  },
  {
    name: 'a key that is a token while what points to it is none',
    plans: [withRule('id', 'tokenise'), orders('keep')],
    says: ['never meet'],
  },
  { name: 'both tokens', plans: [withRule('id', 'tokenise'), orders('tokenise')], says: [] },
];

for (const { name, plans, says } of cases)
  test(`unpublishable: ${name}`, () => {
    const faults = [...unpublishable(plans)];
    expect(faults.length).toBe(says.length);
    for (const [at, words] of says.entries()) expect(faults[at]).toContain(words);
  });

test('verdicts are compared column by column, and agree with themselves', () => {
  const [keep, mask] = [
    { action: 'keep', to: 0 },
    { action: 'mask', to: 0 },
  ] as const;
  const old = planOf(users, [keep, keep, mask, { action: 'generalise', to: 1 }, keep]);
  const next = planOf(users, [keep, mask, mask, { action: 'generalise', to: 2 }]);
  expect(compare(old, old)).toEqual([]);
  expect(compare(old, next)).toEqual([
    { column: 'tenant_id', from: keep, to: mask },
    { column: 'phone', from: { action: 'generalise', to: 1 }, to: { action: 'generalise', to: 2 } },
    { column: 'city', from: keep, to: { action: 'drop', to: 0 } },
  ]);
  expect(compare(old, { columns: old.columns.slice(1) })).toEqual([
    { column: 'id', from: keep, to: null },
  ]);
});
