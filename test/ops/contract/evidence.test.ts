import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Classification, Rule } from '../../../contracts/contract.ts';
import { hierarchyFaults, promisedHierarchy } from '../../../contracts/hierarchy.ts';
import { hierarchyFor } from '../../../ops/contract/coarser.ts';
import { guessFrom, shareText } from '../../../ops/contract/evidence.ts';
import { type Seen, seenIn } from '../../../ops/contract/patterns.ts';
import { guessColumn } from '../../../ops/init/column-guess.ts';
import { parse } from 'yaml';
import { column, relation } from '../init/relations.ts';

const table = relation('things', [column('id')]);
const guess = (name: string, type: string, values: readonly string[]) =>
  guessFrom(table, column(name, type), () => seenIn(values));
const some = (count: number, value: (at: number) => string) =>
  Array.from({ length: count }, (_, at) => value(at));
const mixed = (share: number, value: string) => some(100, (at) => (at < share ? value : 'even'));

test.each<[name: string, type: string, values: readonly string[], verdict: string]>([
  [
    'status',
    'text',
    mixed(94, 'a@example.org'),
    'confidential tokenise: 94 % of 100 sampled values look like an e-mail address',
  ],
  [
    'status',
    'text',
    mixed(1, 'a@example.org'),
    'confidential mask: 1 % of 100 sampled values look like an e-mail address',
  ],
  [
    'status',
    'text',
    mixed(1, 'ask a@example.org'),
    'confidential mask: 1 % of 100 sampled values look like text with personal data in it',
  ],
  [
    'code',
    'bigint',
    mixed(90, '4111111111111111'),
    'restricted drop: 90 % of 100 sampled values look like a card number',
  ],
  [
    'code',
    'bigint',
    mixed(10, '4111111111111111'),
    'internal keep: a number; 2 different ones among 100 sampled values',
  ],
  [
    'day',
    'date',
    mixed(90, '1961-05-17'),
    'confidential mask: 90 % of 100 sampled values look like a date of birth',
  ],
  [
    'ref',
    'text',
    mixed(95, '6ba7b810-9dad-11d1-80b4-00c04fd430c8'),
    'internal keep: "ref" names an identifier or a choice; 95 % of 100 sampled values look like a UUID',
  ],
  [
    'phone',
    'text',
    mixed(97, '+49 30 901820'),
    'confidential tokenise: a telephone number; 97 % of 100 sampled values look like a telephone number',
  ],
  ['status', 'text', [], 'internal keep: "status" names an identifier or a choice'],
])('%s %s is taken for what its values look like', (name, type, values, verdict) => {
  const { classification, rule, why } = guess(name, type, values);
  expect(`${classification} ${rule}: ${why}`).toBe(verdict);
});

const strictness: readonly Classification[] = ['public', 'internal', 'confidential', 'restricted'];
const openness: readonly Rule[] = ['keep', 'tokenise', 'mask', 'drop'];

test('what is seen makes no classification lower, and no rule laxer of which a name tells', () => {
  const names = fc.constantFrom('status', 'email', 'note', 'x', 'code', 'password', 'age', 'born');
  const types = fc.constantFrom('text', 'bigint', 'date', 'jsonb');
  const values = fc.array(
    fc.constantFrom(
      'a@example.org',
      '4111111111111111',
      '+49 30 901820',
      'even',
      'DE89370400440532013000',
      '1961-05-17',
    ),
  );
  fc.assert(
    fc.property(names, types, values, (name, type, all) => {
      const plain = guessColumn('things', column(name, type));
      const seen = guess(name, type, all);
      expect(strictness.indexOf(seen.classification)).toBeGreaterThanOrEqual(
        strictness.indexOf(plain.classification),
      );
      if (plain.sort !== 'unclear')
        expect(openness.indexOf(seen.rule)).toBeGreaterThanOrEqual(openness.indexOf(plain.rule));
      expect(seen.classification === 'confidential' && seen.rule === 'keep').toBe(false);
    }),
  );
});

test('a few are not said to be none, nor most to be all', () => {
  expect(shareText(1, 1_000)).toBe('1 % of 1000 sampled values');
  expect(shareText(999, 1_000)).toBe('99 % of 1000 sampled values');
  expect(shareText(1_000, 1_000)).toBe('100 % of 1000 sampled values');
});

test.each<[name: string, type: string, shortest: number, hierarchy: string | null]>([
  ['date_of_birth', 'date', 10, '{ prefixes: [7, 4, 3] }'],
  ['age', 'integer', 1, '{ intervals: [5, 10, 20], from: 0, to: 120 }'],
  ['salary', 'numeric(12,2)', 4, '{ intervals: [5000, 25000, 100000], from: 0, to: 10000000 }'],
  ['zip', 'text', 5, '{ prefixes: [3, 1] }'],
  ['postal_code', 'text', 3, '{ prefixes: [2, 1] }'],
  ['plz', 'text', 2, '{ prefixes: [1] }'],
  ['plz', 'text', 1, null],
  ['country', 'text', 2, null],
  ['income', 'text', 2, null],
])('a hierarchy for %s %s is one that a contract takes', (name, type, shortest, hierarchy) => {
  const seen: Seen = { ...seenIn([]), shortest };
  const found = hierarchyFor({ name, type } as Parameters<typeof hierarchyFor>[0], seen);
  expect(found).toBe(hierarchy);
  if (found !== null)
    expect([...hierarchyFaults(promisedHierarchy.parse(parse(found)))]).toEqual([]);
});
