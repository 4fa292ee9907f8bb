import { expect, test } from 'vitest';
import {
  column,
  customers,
  type Json,
  key,
  own,
  parse,
  problems,
  rule,
  table,
  to,
} from './documents.ts';

const named = (type: string) => [
  own('graph', { label: 'Order', relationships: [{ type, column: 'customer_id' }] }),
];
const join = own('join', { type: 'TAGGED', from: 'customer_id', to: 'tag_id' });
const joined = (tagId: Json, properties: readonly Json[] = [join]) => [
  customers,
  table('tags', [column('id', key)], [own('graph', { label: 'Tag' })]),
  table(
    'tagged',
    [
      column('customer_id', { ...to('customers.id'), required: true }),
      column('tag_id', { ...key, ...to('tags.id'), ...tagId }),
    ],
    properties,
  ),
];

const orders = (type: string) =>
  table('orders', [column('id', key), column('customer_id', to('customers.id'))], named(type));

test('a join table is relationships between the tables that its columns point to', () => {
  const found = parse(...joined({})).find(({ table: name }) => name === 'public.tagged');
  expect(found?.graph).toBeNull();
  expect(found?.join).toEqual({
    type: 'TAGGED',
    from: { column: 'customer_id', to: 'public.customers' },
    to: { column: 'tag_id', to: 'public.tags' },
  });
});

test.each<[fault: string, schema: readonly Json[], text: string]>([
  [
    'a join that is a node as well',
    joined({}, [join, own('graph', { label: 'Tagged' })]),
    'public.tagged, join TAGGED: its rows cannot be both relationships and nodes',
  ],
  [
    'a join without a key',
    joined({ primaryKey: false, primaryKeyPosition: undefined, required: true }),
    'public.tagged: is a join of the graph, but has no primary key to know its rows by',
  ],
  [
    'a join from a column to itself',
    joined({}, [own('join', { type: 'TAGGED', from: 'tag_id', to: 'tag_id' })]),
    'public.tagged, join TAGGED: leads from the column tag_id to itself',
  ],
  [
    'a join of a type that a relationship has',
    [...joined({}), orders('TAGGED')],
    'public.tagged, join TAGGED: public.orders has relationships of that type, too',
  ],
  [
    'two joins of one type',
    [...joined({}), { ...joined({})[2], name: 'worn', physicalName: 'public.worn' }],
    'public.worn, join TAGGED: public.tagged has relationships of that type, too',
  ],
  [
    'a join by a column that may be empty',
    joined({ primaryKey: false, primaryKeyPosition: undefined }),
    'public.tagged, join TAGGED: follows the column tag_id, which may be empty',
  ],
  [
    'a join along an unknown column',
    joined({}, [own('join', { type: 'TAGGED', from: 'customer_id', to: 'tag' })]),
    'public.tagged, join TAGGED: follows the column tag, which the table does not have',
  ],
  [
    'a join along a masked column',
    joined({ primaryKey: false, primaryKeyPosition: undefined, required: true, ...rule('mask') }),
    'public.tagged, join TAGGED: follows the column tag_id, whose rule is mask',
  ],
  [
    'a join to no node',
    joined({}).with(1, table('tags', [column('id', key)])),
    'public.tagged, join TAGGED: leads to public.tags, which is no node',
  ],
  [
    'a join of an end that is missing',
    joined({}, [own('join', { type: 'TAGGED', from: 'tag_id' })]),
    'public.tagged: "to" is missing; for example',
  ],
])('%s is refused', (_, schema, text) => {
  expect(problems(() => parse(...schema)).join('\n')).toContain(`shop.yaml: ${text}`);
});
