import { describe, expect, test } from 'vitest';
import { windowsPerMonth } from '../../contracts/dp.ts';
import { windowWidths } from '../../contracts/windows.ts';
import { column, type Json, key, own, parse, problems, table } from './documents.ts';

const dp: Json = {
  epsilon: 2,
  delta: 1e-6,
  contribution: { windows: 4, rows: 2 },
  queries: [{ name: 'orders', kind: 'count' }],
};

const columns = [
  column('id', key),
  column('customer_id'),
  column('tenant_id'),
  column('status', { physicalType: 'text' }),
  column('amount', { physicalType: 'numeric(12,2)' }),
];

const orders = (asked: Json, owners: readonly Json[] = [own('subject', 'customer_id')]) =>
  table('orders', columns, [...owners, own('dp', asked)]);

const queries = (...asked: readonly Json[]) => ({ ...dp, queries: asked });

test('noisy aggregates are promised by few words: the rest is as it is by default', () => {
  const [contract] = parse(orders(dp));
  expect(contract?.dp).toEqual({
    dataset: null,
    epsilon: 2,
    mechanism: 'laplace',
    window: 86_400,
    contribution: { windows: 4, rows: 2 },
    changes: 'all',
    tenants: null,
    queries: [{ name: 'orders', kind: 'count', column: null, share: 1 }],
  });
  expect(contract && windowWidths(contract)).toEqual([86_400]);
  expect(windowsPerMonth(86_400)).toBe(31);
});

test('queries that say nothing of their share have equal parts of what the others leave', () => {
  const [contract] = parse(
    orders(
      queries(
        { name: 'a', kind: 'count', share: 0.5 },
        { name: 'b', kind: 'sum', column: 'amount', bounds: [0, 500] },
        { name: 'c', kind: 'histogram', column: 'status', buckets: ['open', 'paid'] },
      ),
    ),
  );
  expect(contract?.dp?.queries.map(({ share }) => share)).toEqual([0.5, 0.25, 0.25]);
});

test('another promise of aggregates is another revision of the contract', () => {
  const [one] = parse(orders(dp));
  const [other] = parse(orders({ ...dp, epsilon: 4 }));
  expect(one?.revision).not.toBe(other?.revision);
});

describe('a promise is refused', () => {
  test.each([0, 0.5, 1.5, 3, 5, 8, -1, '1', null])('of ε = %s, which is no preset', (epsilon) => {
    expect(problems(() => parse(orders({ ...dp, epsilon })))).toEqual([
      'shop.yaml: public.orders: "epsilon" is none of the presets 1, 2 and 4',
    ]);
  });

  const sum = { name: 'paid', kind: 'sum', column: 'amount', bounds: [0, 500] };
  const sizes = { name: 'sizes', kind: 'histogram', column: 'amount', buckets: [1, 2] };

  test.each<[fault: string, asked: Json, text: string]>([
    ['another δ', { ...dp, delta: 1e-5 }, '"delta" is not the preset 1e-6'],
    ['another unit', { ...dp, unit: 'event' }, '"unit" is not subject-month'],
    ['no bound of contributions', { ...dp, contribution: undefined }, '"contribution" '],
    ['no window', { ...dp, window: 0 }, '"window" '],
    [
      'windows that do not fill a day',
      { ...dp, window: 7_000 },
      ': its dp has windows of 7000 seconds, which do not fill a day; use for example 900, 3600 or 86400',
    ],
    [
      'more windows than a month has',
      { ...dp, contribution: { windows: 32, rows: 1 } },
      ': its dp lets a subject count in 32 windows of a month, which has 31 at most',
    ],
    [
      'tenants where rows have none',
      { ...dp, tenants: ['1'] },
      ': its dp lists tenants, but the table names no column of the tenant; remove tenants',
    ],
    ['no query', { ...dp, queries: [] }, '"queries" '],
    [
      'a query of another kind',
      queries({ name: 'a', kind: 'median', column: 'amount' }),
      '"kind" is none of count, sum, mean and histogram',
    ],
    ['a query without a good name', queries({ name: 'A b', kind: 'count' }), '"name" is no name'],
    [
      'two queries of one name',
      queries({ name: 'a', kind: 'count' }, { name: 'a', kind: 'count' }),
      ': its dp has two queries a; give each a name of its own',
    ],
    [
      'shares of more than the whole',
      queries({ name: 'a', kind: 'count', share: 0.7 }, { name: 'b', kind: 'count', share: 0.4 }),
      ': its dp has queries whose shares are more than the whole',
    ],
    [
      'nothing left for a query',
      queries({ name: 'a', kind: 'count', share: 1 }, { name: 'b', kind: 'count' }),
      ': its dp has queries whose shares are more than the whole',
    ],
    [
      'no bounds of a sum',
      queries({ ...sum, bounds: undefined }),
      '"bounds" is not [lowest, highest]',
    ],
    [
      'bounds the wrong way round',
      queries({ ...sum, bounds: [5, 5] }),
      ', dp query paid: its bounds are not [lowest, highest]; write for example bounds: [0, 500]',
    ],
    [
      'bounds that no number is exact at',
      queries({ ...sum, bounds: [0, 1e16] }),
      ', dp query paid: its bounds are not [lowest, highest]',
    ],
    [
      'a sum of text',
      queries({ ...sum, column: 'status' }),
      ', dp query paid: is a sum of status, which holds no numbers (text)',
    ],
    [
      'a column that is not there',
      queries({ ...sum, column: 'price' }),
      ', dp query paid: is of the column price, which the table does not have; name one of: id, customer_id',
    ],
    [
      'edges that do not rise',
      queries({ ...sizes, buckets: [2, 1] }),
      ', dp query sizes: the edges of its buckets do not rise',
    ],
    [
      'edges between text',
      queries({ ...sizes, column: 'status' }),
      ', dp query sizes: has numbers for buckets, but status holds none (text)',
    ],
    [
      'a bucket that is there twice',
      queries({ ...sizes, column: 'status', buckets: ['a', 'a'] }),
      ', dp query sizes: has a bucket twice',
    ],
    [
      'a bucket that is called as the rest is',
      queries({ ...sizes, column: 'status', buckets: ['other'] }),
      ', dp query sizes: has a bucket `other`',
    ],
    ['buckets of two kinds', queries({ ...sizes, buckets: [1, 'a'] }), '"buckets" are neither'],
  ])('for %s', (_, asked, text) => {
    const found = problems(() => parse(orders(asked)));
    expect(found).toHaveLength(1);
    expect(found[0]?.replace(/^shop\.yaml: public\.orders(?:: (?="))?/, '')).toContain(text);
  });

  test('without a subject, for it would protect nobody', () => {
    expect(problems(() => parse(orders(dp, [])))).toEqual([
      'shop.yaml: public.orders: its dp protects subjects, but the table names none; add for example { property: subject, value: customer_id }',
    ]);
  });

  test('whose tenants are not said beforehand, for rows would tell them', () => {
    const owners = [own('subject', 'customer_id'), own('tenant', 'tenant_id')];
    expect(problems(() => parse(orders(dp, owners)))).toEqual([
      expect.stringMatching(/which have series of their own/),
    ]);
    expect(problems(() => parse(orders({ ...dp, tenants: ['1', '1'] }, owners)))).toEqual([
      expect.stringMatching(/lists a tenant twice/),
    ]);
    expect(parse(orders({ ...dp, tenants: ['1'] }, owners))[0]?.dp?.tenants).toEqual(['1']);
    expect(parse(orders({ ...dp, tenants: 'together' }, owners))[0]?.dp?.tenants).toBeNull();
  });

  test('of a dataset that another table has', () => {
    const named = { ...dp, dataset: 'sales' };
    const lines = { ...orders(named), name: 'lines', physicalName: 'public.lines' };
    expect(problems(() => parse(orders(named), lines))).toEqual([
      'shop.yaml: public.orders: its dp is the dataset sales, which is that of public.lines too; give it another name',
    ]);
  });
});
