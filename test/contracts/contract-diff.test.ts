import { describe, expect, test } from 'vitest';
import { contractChanges, unannounced } from '../../contracts/contract-diff.ts';
import { readDocument } from '../../contracts/odcs-document.ts';
import { column, document, type Json, key, own, table } from './documents.ts';

const read = (part: Json, more: Json = {}) =>
  readDocument(JSON.stringify({ ...JSON.parse(document(part)), ...more }), 'shop.yaml');
const breaking = (was: Json, is: Json, before: Json = {}, after: Json = {}) =>
  contractChanges(read(was, before), read(is, after));

const properties = (...all: readonly Json[]) => ({ customProperties: all });
const said = {
  rule: 'generalise',
  hierarchy: { prefixes: [3, 1], level: 2 },
  sensitivity: 'medium',
};
const saying = (more: Partial<typeof said>) =>
  properties(...Object.entries({ ...said, ...more }).map(([name, value]) => own(name, value)));
const base = {
  id: column('id', key),
  tenant_id: column('tenant_id'),
  customer_id: column('customer_id', { relationships: [{ to: 'customers.id' }] }),
  email: column('email', {
    classification: 'confidential',
    required: true,
    unique: true,
    quality: [{ metric: 'nullValues', mustBeLessThan: 5 }],
    ...saying({}),
  }),
};
const owned = [
  own('tenant', 'tenant_id'),
  own('subject', 'customer_id'),
  own('graph', { label: 'Order', relationships: [{ type: 'BY', column: 'customer_id' }] }),
];
const orders = (columns: Json = {}, custom: readonly Json[] = owned, more: Json = {}) => ({
  ...table('orders', Object.values({ ...base, ...columns }).filter(Boolean), custom),
  ...more,
});
const email = (more: Json) => orders({ email: { ...base.email, ...more } });
const emailSaying = (more: Partial<typeof said>) => email(saying(more));

describe('a change is named, and breaks or does not', () => {
  test.each<[change: string, is: Json, what: string, breaks: string | null]>([
    [
      'a column gone',
      orders({ email: null }),
      'email: is not promised any more',
      'readers miss it',
    ],
    ['a column more', orders({ note: column('note') }), 'note: is new: internal, keep', null],
    [
      'another type',
      email({ physicalType: 'text' }),
      'its type was bigint, and is text',
      'decode the other',
    ],
    ['nulls allowed', email({ required: false }), 'is not required any more', 'meet null'],
    ['repeats allowed', email({ unique: false }), 'is not unique any more', 'twice'],
    [
      'tokens of what was classes: policy calls that stricter, and so does this',
      emailSaying({ rule: 'tokenise' }),
      'its rule is tightened: generalise before, tokenise now',
      'find less',
    ],
    [
      'a rule opened',
      emailSaying({ rule: 'keep' }),
      'its rule is loosened: generalise before, keep now',
      'withheld',
    ],
    ['a rule tightened', emailSaying({ rule: 'drop' }), 'its rule is tightened', 'find less'],
    [
      'a finer level',
      emailSaying({ hierarchy: { prefixes: [3, 1], level: 1 } }),
      'generalised to level 1, not 2',
      'told more',
    ],
    [
      'another hierarchy',
      emailSaying({ hierarchy: { prefixes: [4, 1], level: 2 } }),
      'its hierarchy is another',
      'do not meet',
    ],
    [
      'less sensitive',
      emailSaying({ sensitivity: 'low' }),
      'its sensitivity was medium, and is low',
      'policy may tell more',
    ],
    [
      'more sensitive',
      emailSaying({ sensitivity: 'high' }),
      'its sensitivity was medium, and is high',
      null,
    ],
    [
      'tokens that look otherwise',
      email({
        physicalType: 'text',
        ...properties(own('rule', 'tokenise'), own('tokenForm', 'digits')),
      }),
      'its tokenForm was none, and is digits',
      'its tokens are others: nothing meets what was made before',
    ],
    [
      'unsealed',
      email({ classification: 'internal' }),
      'is classified internal, lower than confidential',
      'what was sealed leaves the source in the clear',
    ],
    [
      'restricted',
      email({ classification: 'restricted' }),
      'is classified restricted, higher than confidential',
      null,
    ],
    [
      'sealed',
      orders({
        tenant_id: column('tenant_id', {
          classification: 'confidential',
          ...properties(own('rule', 'keep')),
        }),
      }),
      'is classified confidential, higher than internal',
      'sealed now',
    ],
    [
      'public',
      orders({ tenant_id: column('tenant_id', { classification: 'public' }) }),
      'is classified public, lower than internal',
      'policy',
    ],
    [
      'another key',
      orders({ id: column('id'), tenant_id: column('tenant_id', key) }),
      'its key was id, and is tenant_id',
      'are others',
    ],
    [
      'another tenant',
      orders({}, [own('tenant', 'id'), ...owned.slice(1)]),
      'its tenant was tenant_id, and is id',
      'per tenant',
    ],
    [
      'no subject',
      orders({}, [owned[0]!, owned[2]!]),
      'its subject was customer_id, and is none',
      'other keys',
    ],
    [
      'another domain',
      orders({ customer_id: column('customer_id', { relationships: [{ to: 'people.id' }] }) }),
      'points to people.id, and did to customers.id',
      'another domain',
    ],
    [
      'another label',
      orders({}, [
        ...owned.slice(0, 2),
        own('graph', { label: 'Sale', relationships: [{ type: 'BY', column: 'customer_id' }] }),
      ]),
      'its label in the graph was Order, and is Sale',
      'queries',
    ],
    [
      'no relationship',
      orders({}, [...owned.slice(0, 2), own('graph', { label: 'Order' })]),
      'its relationship BY was customer_id, and is none',
      'queries',
    ],
    [
      'a join',
      orders({}, [...owned, own('join', { type: 'OF', from: 'id', to: 'customer_id' })]),
      'its join in the graph was none, and is OF from id to customer_id',
      null,
    ],
    [
      'inserts alone',
      orders({}, [...owned, own('insertOnly', true)]),
      'insertOnly was not said, and is said',
      'another promise',
    ],
    [
      'a bound loosened',
      email({ quality: [{ metric: 'nullValues', mustBeLessThan: 9 }] }),
      'is loosened: < 5 before, < 9 now',
      'ruled out',
    ],
    [
      'a bound tightened',
      email({ quality: [{ metric: 'nullValues', mustBe: 0 }] }),
      'is tightened: < 5 before, = 0 now',
      null,
    ],
    [
      'a rule of quality gone',
      email({ quality: [] }),
      'its quality rule "nullValues" is gone',
      'nobody measures',
    ],
    [
      'a rule of quality more',
      orders({}, owned, { quality: [{ metric: 'rowCount', mustBeGreaterThan: 0 }] }),
      'has a quality rule "rowCount" now: > 0',
      null,
    ],
    [
      'a rule told less loudly',
      email({ quality: [{ metric: 'nullValues', mustBeLessThan: 5, severity: 'info' }] }),
      'the severity of its quality rule',
      'less loudly',
    ],
  ])('%s', (_, is, what, breaks) => {
    const changes = breaking(orders(), is);
    const found = changes.find((each) => `${each.column ?? ''}: ${each.what}`.includes(what));
    expect(found, JSON.stringify(changes)).toBeDefined();
    if (breaks === null) expect(found!.breaks).toBeNull();
    else expect(found!.breaks).toContain(breaks);
  });

  const kept = (value: number) => ({
    slaProperties: [{ property: 'retention', value, unit: 'y' }],
  });
  test.each<[change: string, was: Json, is: Json, what: string, breaks: boolean]>([
    ['rows kept for longer', kept(3), kept(4), 'its retention was 3 years, and is 4 years', true],
    ['rows kept for ever', kept(3), {}, 'its retention was 3 years, and is none', true],
    ['rows kept for less', kept(3), kept(2), 'its retention was 3 years, and is 2 years', true],
    ['a retention at last', {}, kept(3), 'its retention was none, and is 3 years', false],
    ['another owner', {}, { team: { name: 'shop' } }, 'its owner was none, and is shop', false],
    [
      'another status',
      {},
      { status: 'deprecated' },
      'its status was active, and is deprecated',
      false,
    ],
  ])('%s', (_, was, is, what, breaks) => {
    const [only, ...more] = breaking(orders(), orders(), was, is);
    expect(more).toEqual([]);
    expect([only!.what, only!.breaks !== null]).toEqual([what, breaks]);
  });

  test('a table more, and a table gone', () => {
    const [more] = contractChanges([], read(orders()));
    expect(more).toMatchObject({ table: 'public.orders', breaks: null });
    const [gone] = contractChanges(read(orders()), []);
    expect(gone!.breaks).toContain('dead letters');
  });
});

test('a contract that breaks says so by a new major version, or is told of', () => {
  const versions = (was: string, is: string) =>
    unannounced(read(orders(), { version: was }), read(orders({ email: null }), { version: is }));
  expect(versions('1.0.0', '1.1.0')).toEqual(['public.orders']);
  expect(versions('1.0.0', '2.0.0')).toEqual([]);
  expect(versions('2.0.0', '1.0.0')).toEqual(['public.orders']);
  expect(versions('1', '2')).toEqual(['public.orders']);
  expect(unannounced(read(orders()), read(orders({ note: column('note') })))).toEqual([]);
});
