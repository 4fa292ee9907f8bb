import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hierarchyOf } from '../../../contracts/hierarchy.ts';
import { kanonize } from '../../../processors/anonymity/kanonize.ts';

const country = hierarchyOf({
  tree: { Europe: ['CH', 'DE', 'FR'], Asia: ['JP', 'IN'] },
  level: 1,
});
const age = hierarchyOf({ intervals: [5, 10, 50], from: 0, to: 100, level: 1 });
const qis = [
  { name: 'country', hierarchy: country },
  { name: 'age', hierarchy: age },
];

const row = fc.record({
  id: fc.nat(12),
  country: fc.constantFrom('CH', 'DE', 'FR', 'JP', 'IN', null),
  age: fc.option(fc.nat(99)),
  disease: fc.constantFrom('flu', 'cold'),
});
const rows = fc.array(row, { maxLength: 60 });
const k = fc.integer({ min: 2, max: 6 });

test('every combination that is told is that of k rows at least, and no row is made up', () => {
  fc.assert(
    fc.property(rows, k, (table, least) => {
      const told = kanonize(table, qis, least);
      const groups = Map.groupBy(told, (each) => JSON.stringify([each.country, each.age]));
      for (const group of groups.values()) expect(group.length).toBeGreaterThanOrEqual(least);
      expect(told.length).toBeLessThanOrEqual(table.length);
      expect(table.length - told.length).toBeLessThan(least);
    }),
  );
});

test('where it is told whose a row is, people are counted and not rows', () => {
  fc.assert(
    fc.property(rows, k, (table, least) => {
      const told = kanonize(table, qis, least, ({ id }) => `${id}`);
      const groups = Map.groupBy(told, (each) => JSON.stringify([each.country, each.age]));
      for (const group of groups.values())
        expect(new Set(group.map(({ id }) => id)).size).toBeGreaterThanOrEqual(least);
    }),
  );
});

test('what is told of a value is a class that it is in', () => {
  fc.assert(
    fc.property(rows, (table) => {
      const numbered = table.map((each, n) => ({ ...each, n }));
      for (const told of kanonize(numbered, qis, 2)) {
        const was = numbered[told.n]!;
        const classes = [
          '*',
          was.country,
          was.country && country.kind === 'tree' ? country.above.get(was.country)?.[0] : null,
        ];
        expect(classes).toContain(told.country);
        expect(told.disease).toBe(was.disease);
      }
    }),
  );
});

test('values are no coarser than they must be: who shares a combination with enough others keeps it', () => {
  const same = Array.from({ length: 5 }, () => ({ country: 'CH', age: 33 }));
  const near = [31, 32, 33, 34, 30].map((years) => ({ country: 'JP', age: years }));
  const far = Array.from({ length: 3 }, () => ({ country: 'FR', age: 90 }));
  const told = kanonize([...same, ...near, ...far], qis, 5);
  expect(told).toEqual([
    ...same.map(() => ({ country: 'CH', age: '33' })),
    ...near.map(() => ({ country: 'JP', age: '[30,35)' })),
  ]);
});

test('a name alone has no classes: its values are told, or not at all', () => {
  const table = [...Array.from({ length: 5 }, () => ({ city: 'Bern' })), { city: 'Thun' }];
  expect(kanonize(table, ['city'])).toEqual(table.slice(0, 5));
  const single = ['a', 'b', 'c', 'd', 'e'].map((city) => ({ city }));
  expect(kanonize(single, ['city'])).toEqual(single.map(() => ({ city: '*' })));
});

test('a value that no hierarchy covers is refused by the name of its column, and never shown', () => {
  const table = [{ country: 'Atlantis', age: 20 }];
  expect(() => kanonize(table, qis)).toThrow(/^column country: /);
  expect(() => kanonize(table, qis)).not.toThrow(/Atlantis/);
});

test('a k below 2 is no anonymity', () => {
  expect(() => kanonize([], qis, 1)).toThrow('k is 1');
  expect(() => kanonize([], qis, 2.5)).toThrow('k is 2.5');
});
