import { describe, expect, test } from 'vitest';
import { column, key, own, parse, problems, table } from './documents.ts';

const coarse = (hierarchy: unknown, ...more: readonly object[]) =>
  table('people', [
    column('id', key),
    column('birth_year', {
      customProperties: [own('rule', 'generalise'), own('hierarchy', hierarchy), ...more],
    }),
  ]);

describe('a hierarchy that contradicts itself is refused, and says what is right', () => {
  test.each<[fault: string, hierarchy: unknown, text: string]>([
    [
      'of nothing that is known',
      { halves: [2] },
      'is no hierarchy; for example { property: hierarchy, value: { intervals: [10, 50], from: 0, to: 100 } }',
    ],
    ['of no width', { intervals: [], from: 0, to: 10 }, 'too small'],
    ['upside down', { intervals: [5], from: 10, to: 0 }, 'nothing lies between'],
    ['of widths that cut each other', { intervals: [5, 12], from: 0, to: 60 }, 'not made of whole'],
    ['of widths that shrink', { intervals: [10, 5], from: 0, to: 60 }, 'not made of whole'],
    ['of prefixes that grow', { prefixes: [2, 3] }, 'do not become shorter'],
    ['with a leaf at two places', { tree: { a: ['x'], b: ['x'] } }, 'the name x is twice'],
    ['with a class at two places', { tree: { a: { c: ['x'] }, b: { c: ['y'] } } }, 'two places'],
    ['with a class of a leaf', { tree: { a: { b: ['a'] } } }, 'the name a stands at two places'],
    ['with a level above its top', { prefixes: [2, 1], level: 4 }, 'its hierarchy ends at 3'],
  ])('one %s', (_, hierarchy, text) => {
    expect(problems(() => parse(coarse(hierarchy))).join('\n')).toContain(text);
  });
});

test('a column to be generalised needs a hierarchy', () => {
  const rule = { customProperties: [own('rule', 'generalise')] };
  expect(
    problems(() => parse(table('people', [column('id', key), column('city', rule)]))).join('\n'),
  ).toContain('public.people, column city: its rule is generalise, but it has no hierarchy');
});

test('a key that is generalised is refused: no sink could tell rows apart', () => {
  const given = [own('rule', 'generalise'), own('hierarchy', { prefixes: [1] })];
  expect(
    problems(() => parse(table('people', [column('id', { ...key, customProperties: given })]))),
  ).toEqual([expect.stringContaining('no sink could tell rows apart')]);
});

test('another hierarchy is another revision of the contract', () => {
  const revisions = [{ tree: { a: ['x'] } }, { tree: { b: ['x'] } }, { prefixes: [1] }].map(
    (hierarchy) => parse(coarse(hierarchy))[0]?.revision,
  );
  expect(new Set(revisions).size).toBe(3);
});

test.each([
  ['internal', 'low'],
  ['confidential', 'medium'],
  ['restricted', 'high'],
])('a column that is %s is of %s sensitivity, where nothing is said', (classification, want) => {
  const rule = { classification, customProperties: [own('rule', 'drop')] };
  const owned = table('a', [column('id', key), column('b', rule)], [own('tenant', 'id')]);
  expect(parse(owned)[0]?.columns[1]).toMatchObject({ sensitivity: want });
});

test('what is said of its sensitivity counts', () => {
  const said = coarse({ prefixes: [1] }, own('sensitivity', 'high'));
  expect(parse(said)[0]?.columns[1]).toMatchObject({ sensitivity: 'high' });
});
