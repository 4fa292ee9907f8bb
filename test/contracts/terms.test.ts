import { describe, expect, test } from 'vitest';
import { faultsOf } from '../../contracts/odcs-checks.ts';
import { readDocument } from '../../contracts/odcs-document.ts';
import { daysOf, retentionText, termsOf } from '../../contracts/terms.ts';
import { column, document, type Json, key, table } from './documents.ts';

const orders = table('orders', [column('id', key), column('at')]);
const lines = table('lines', [column('id', key)]);
const read = (more: Json, ...schema: readonly Json[]) =>
  readDocument(JSON.stringify({ ...JSON.parse(document(...schema)), ...more }), 'shop.yaml');
const terms = (more: Json, ...schema: readonly Json[]) => read(more, ...schema).map(termsOf);
const kept = (value: unknown, unit: string, more: Json = {}) => ({
  slaProperties: [{ property: 'retention', value, unit, ...more }],
});

test.each<[team: unknown, owner: string | null]>([
  [{ name: 'shop', members: [{ username: 'ann', role: 'Data Owner' }] }, 'ann'],
  [
    {
      name: 'shop',
      members: [
        { username: 'ann', role: 'owner', dateOut: '2020-01-01' },
        { username: 'bob', role: 'owner' },
      ],
    },
    'bob',
  ],
  [{ name: 'shop', members: [{ username: 'ann', role: 'steward' }] }, 'shop'],
  [{ members: [{ username: 'ann' }] }, null],
  [[{ username: 'ann', role: 'owner' }], 'ann'],
  [[{ username: 'ann' }], null],
])('whoever answers for a table is told by its team: %j', (team, owner) => {
  expect(terms({ team }, orders)[0]!.owner).toBe(owner);
});

test.each<[value: unknown, unit: string, element: string | undefined, text: string, days: number]>([
  [3, 'y', 'orders.at', '3 years by at', 1095.75],
  ['1', 'Day', 'public.orders.at', '1 day by at', 1],
  [12, 'months', 'orders', '12 months', 365.25],
  [36, 'h', undefined, '36 hours', 1.5],
  [1, 'yr', 'at', '1 year by at', 365.25],
])('rows are kept for %s %s', (value, unit, element, text, days) => {
  const [found] = terms(kept(value, unit, element === undefined ? {} : { element }), orders);
  expect(retentionText(found!.retention!)).toBe(text);
  expect(daysOf(found!.retention!)).toBeCloseTo(days);
});

test('of several tables each has the retention that names it, or names none', () => {
  const [first, second] = terms(kept(3, 'y', { element: 'orders.at' }), orders, lines);
  expect([first!.retention?.count, second!.retention]).toEqual([3, null]);
  const both = terms(kept(3, 'y'), orders, lines);
  expect(both.map(({ retention }) => retention?.count)).toEqual([3, 3]);
});

describe('a retention that nobody could keep is refused', () => {
  test.each<[fault: string, more: Json, text: string]>([
    [
      'no unit',
      kept(3, ''),
      'its retention is no number of hours, days, months or years; write for example',
    ],
    ['half a year', kept(0.5, 'y'), 'is no number of'],
    ['minutes or months', kept(3, 'm'), 'is no number of'],
    [
      'an unknown column',
      kept(3, 'y', { element: 'orders.on' }),
      'by the column on, which the table does not have',
    ],
    [
      'an unknown table',
      kept(3, 'y', { element: 'carts.at' }),
      'is of carts.at, which is in no table of this document',
    ],
    ['two columns', kept(3, 'y', { element: 'orders.at, orders.id' }), 'names 2 columns'],
    [
      'two of them',
      { slaProperties: [...kept(3, 'y').slaProperties, ...kept(4, 'y').slaProperties] },
      'more than one retention',
    ],
  ])('%s', (_, more, text) => {
    expect(faultsOf(read(more, orders)).join('\n')).toContain(`shop.yaml: public.orders: `);
    expect(faultsOf(read(more, orders)).join('\n')).toContain(text);
  });
});
