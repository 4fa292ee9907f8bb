import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Hierarchy, hierarchyOf, topOf } from '../../contracts/hierarchy.ts';
import { generaliser } from '../../processors/generalise.ts';
import { Refusal } from '../../schemas/refusal.ts';

const years = hierarchyOf({ intervals: [5, 10, 50], from: 1900, to: 2030, level: 1 });
const tree = { Europe: { West: ['CH', 'FR'], North: ['SE'] }, Asia: ['JP'] };
const countries = hierarchyOf({ tree, level: 1 });
const codes = hierarchyOf({ prefixes: [3, 1], level: 1 });

describe('the class of a value', () => {
  test.each<[Hierarchy, string | number | bigint, number, string]>([
    [years, 1987, 0, '1987'],
    [years, 1987, 1, '[1985,1990)'],
    [years, 1987n, 2, '[1980,1990)'],
    [years, '1987.5', 3, '[1950,2000)'],
    [years, 2029, 3, '[2000,2030)'],
    [years, 1987, 4, '*'],
    [countries, 'CH', 0, 'CH'],
    [countries, 'CH', 1, 'West'],
    [countries, 'CH', 2, 'Europe'],
    [countries, 'JP', 1, 'Asia'],
    [countries, 'JP', 2, 'Asia'],
    [countries, 'CH', 3, '*'],
    [codes, '80331', 1, '803*'],
    [codes, '80331', 2, '8*'],
    [codes, 'ä🙂öü', 1, 'ä🙂ö*'],
    [codes, '80331', 3, '*'],
  ])('%o of %s at level %i', (hierarchy, value, level, want) => {
    expect(generaliser(hierarchy, 'table t, column c')(value, level)).toBe(want);
  });
});

describe('a value that no class covers is refused by its column, and not told', () => {
  test.each<[Hierarchy, string | number | boolean]>([
    [years, 1899],
    [years, 2030],
    [years, 'seven'],
    [years, ''],
    [years, Number.NaN],
    [years, true],
    [countries, 'XX'],
    [countries, 'Europe'],
    [codes, '803'],
    [codes, ''],
  ])('%o does not cover %s', (hierarchy, value) => {
    const classOf = generaliser(hierarchy, 'table t, column c');
    expect(() => classOf(value, 1)).toThrow(Refusal);
    expect(() => classOf(value, 1)).toThrow(/^table t, column c: a value is not/);
    expect(classOf(value, topOf(hierarchy))).toBe('*');
  });
});

test('who shares a class shares all that are coarser', () => {
  const value = fc.integer({ min: 1900, max: 2029 });
  const level = fc.integer({ min: 1, max: topOf(years) - 1 });
  fc.assert(
    fc.property(value, value, level, (a, b, at) => {
      const classOf = generaliser(years, 'c');
      fc.pre(classOf(a, at) === classOf(b, at));
      expect(classOf(a, at + 1)).toBe(classOf(b, at + 1));
    }),
  );
});
