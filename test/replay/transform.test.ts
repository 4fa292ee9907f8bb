import { expect, test } from 'vitest';
import { madeBy, type OpenChange } from '../../replay/transform.ts';
import { unchanged } from '../../schemas/value.ts';

const change: OpenChange = {
  pipeline: 'govern',
  reason: 'no-tenant',
  table: 'public.users',
  op: 'update',
  key: { id: 1n },
  before: null,
  after: { id: 1n, tenant_id: null, bio: unchanged },
};

test('a transform mends columns; null drops the change; what it does to what it was given stays its own', () => {
  const mended = madeBy(
    (given) => ({ ...given, after: { ...given.after, tenant_id: 7n } }),
    change,
  );
  expect(mended).toEqual({ before: null, after: { id: 1n, tenant_id: 7n, bio: unchanged } });
  expect(madeBy(() => null, change)).toBeNull();
  madeBy((given) => {
    (given.after as Record<string, unknown>)['tenant_id'] = 9n;
    return given;
  }, change);
  expect(change.after).toEqual({ id: 1n, tenant_id: null, bio: unchanged });
});

test.each<[string, unknown, RegExp]>([
  ['nothing', undefined, /is no change/],
  ['a promise', Promise.resolve(change), /is no change/],
  ['another table', { ...change, table: 'public.orders' }, /another table/],
  ['another key', { ...change, after: { ...change.after, id: 2n } }, /another key \(id\)/],
  ['a row too many', { ...change, before: {} }, /adds before/],
  ['a row too few', { ...change, after: null }, /lacks after/],
  ['a date', { ...change, after: { ...change.after, at: new Date(0) } }, /no value in after\.at/],
])('%s is refused, and no value is told', (_, made, says) => {
  expect(madeBy(() => made, change)).toEqual({ fault: expect.stringMatching(says) as string });
});
