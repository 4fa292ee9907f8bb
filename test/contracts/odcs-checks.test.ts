import { describe, expect, test } from 'vitest';
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

describe('contracts that contradict themselves or each other are refused', () => {
  const secret = { classification: 'confidential', ...rule('mask') };
  const pointing = (rest: Json, target = 'customers.id') => [
    column('id', key),
    column('customer_id', { ...to(target), ...rest }),
  ];
  const node = [
    own('graph', { label: 'Order', relationships: [{ type: 'BY', column: 'customer_id' }] }),
  ];
  const formed = (name: string, form: string, rest: Json = {}, what = 'tokenise') =>
    column(name, {
      physicalType: 'varchar(32)',
      ...rest,
      customProperties: [own('rule', what), own('tokenForm', form)],
    });
  const alone = (...properties: readonly Json[]) => [table('orders', properties)];

  test.each<[fault: string, schema: readonly Json[], text: string]>([
    [
      'an unknown tenant',
      [table('orders', [column('id', key)], [own('tenant', 'shop')])],
      'public.orders: its tenant is the column shop, which it does not have; name one of: id',
    ],
    [
      'an unknown subject',
      [table('orders', [column('id', key)], [own('subject', 'who')])],
      'public.orders: its subject is the column who',
    ],
    [
      'a composite key without order',
      alone(column('a', key), column('b', key)),
      'public.orders: its primary key (a, b) has no order',
    ],
    [
      'a key with a hole in its order',
      alone(
        column('a', { ...key, primaryKeyPosition: 1 }),
        column('b', { ...key, primaryKeyPosition: 3 }),
      ),
      'has no order',
    ],
    [
      'a position without a key',
      alone(column('a', { primaryKeyPosition: 1 })),
      'public.orders, column a: has a primaryKeyPosition',
    ],
    [
      'a table with two contracts',
      [customers, customers],
      'public.customers: has a contract in shop.yaml already',
    ],
    [
      'a column that is there twice',
      alone(column('id', key), column('b'), column('b')),
      'public.orders, column b: is there twice',
    ],
    [
      'two rules for a column',
      alone(column('id', { ...key, customProperties: [own('rule', 'keep'), own('rule', 'drop')] })),
      'public.orders, column id: has more than one rule; keep one of the two',
    ],
    [
      'two tenants',
      [table('orders', [column('id', key)], [own('tenant', 'id'), own('tenant', 'id')])],
      'says "tenant" twice',
    ],
    [
      'a confidential column that is kept',
      [
        table(
          'orders',
          [column('id', key), column('email', { classification: 'confidential' })],
          [own('tenant', 'id')],
        ),
      ],
      'public.orders, column email: is confidential, and its rule is keep; use mask, tokenise, generalise or drop',
    ],
    [
      'a restricted column that is kept',
      [
        table(
          'orders',
          [column('id', key), column('email', { classification: 'restricted' })],
          [own('tenant', 'id')],
        ),
      ],
      'is restricted, and its rule is keep',
    ],
    [
      'a tenant that govern may not read',
      [
        table(
          'orders',
          [column('id', key), column('owner', { ...secret, ...rule('tokenise') })],
          [own('tenant', 'owner')],
        ),
      ],
      'public.orders, column owner: is the tenant and confidential',
    ],
    [
      'a confidential column of nobody',
      alone(column('id', key), column('email', secret)),
      'public.orders, column email: is confidential, but the table has no subject and no tenant',
    ],
    [
      'a key that is dropped',
      alone(column('id', { ...key, ...rule('drop') })),
      'public.orders, column id: is of the key, and its rule is drop',
    ],
    ['a key that is masked', alone(column('id', { ...key, ...rule('mask') })), 'its rule is mask'],
    [
      'a key of which nothing is said',
      alone(column('id', { ...key, customProperties: [] })),
      'its rule is drop',
    ],
    [
      'a token that points to what is kept',
      [customers, table('orders', pointing(rule('tokenise')))],
      'public.orders, column customer_id: its rule is tokenise, that of customers.id, which it points to, is keep',
    ],
    [
      'a plain key that points to a token',
      [
        table('customers', [column('id', { ...key, ...rule('tokenise') })]),
        table('orders', pointing({})),
      ],
      'its rule is keep, that of customers.id, which it points to, is tokenise',
    ],
    [
      'a foreign key to a table without a contract',
      alone(...pointing({})),
      'public.orders, column customer_id: points to customers.id, which no contract has',
    ],
    [
      'a foreign key to an unknown column',
      [customers, table('orders', pointing({}, 'customers.nr'))],
      'points to customers.nr, which no contract has',
    ],
    [
      'digits for tokens of a number, which has no zeros in front',
      alone(column('id', key), formed('nr', 'digits', { physicalType: 'bigint' })),
      'public.orders, column nr: its tokenForm is digits, but its type is bigint: only text keeps all zeros and separators',
    ],
    [
      'a form for tokens of what is no text, though it reads as some',
      alone(column('id', key), formed('nr', 'alphanumeric', { physicalType: 'uuid' })),
      'its tokenForm is alphanumeric, but its type is uuid',
    ],
    [
      'a form that nobody knows',
      alone(column('id', key), formed('nr', 'hex')),
      'public.orders, column nr: "value" is no form of tokens: use digits or alphanumeric',
    ],
    [
      'a form for tokens that are never made',
      alone(column('id', key), formed('nr', 'digits', {}, 'mask')),
      'public.orders, column nr: its tokenForm is digits, but its rule is mask, so that no token is ever made of it',
    ],
    [
      'two forms of one column',
      alone(
        column('id', key),
        column('nr', {
          physicalType: 'text',
          customProperties: [own('tokenForm', 'digits'), own('tokenForm', 'digits')],
        }),
      ),
      'column nr: has more than one tokenForm',
    ],
    [
      'a foreign key whose tokens look otherwise than those of the key',
      [
        table('customers', [formed('id', 'digits', key)]),
        table('orders', [
          column('id', key),
          column('customer_id', {
            ...to('customers.id'),
            physicalType: 'text',
            ...rule('tokenise'),
          }),
        ]),
      ],
      'public.orders, column customer_id: its tokenForm is none, that of customers.id, which it points to, is digits: their tokens would never meet',
    ],
    [
      'foreign keys in a circle',
      [
        table('a', [column('id', { ...key, ...to('b.id') })]),
        table('b', [column('id', { ...key, ...to('a.id') })]),
      ],
      'public.a, column id: points to b.id, which leads back to it',
    ],
    [
      'a node without a key',
      [table('orders', [column('id')], [own('graph', { label: 'Order' })])],
      'public.orders: is a node of the graph, but has no primary key',
    ],
    [
      'two tables of one label',
      [customers, table('people', [column('id', key)], [own('graph', { label: 'Customer' })])],
      'public.people: has the label Customer, which public.customers has too',
    ],
    [
      'a relationship along an unknown column',
      [table('orders', [column('id', key)], node)],
      'public.orders, relationship BY: follows the column customer_id, which the table does not have; name one of: id',
    ],
    [
      'a relationship along a column that points nowhere',
      [table('orders', [column('id', key), column('customer_id')], node)],
      'public.orders, relationship BY: follows the column customer_id, which points nowhere',
    ],
    [
      'a relationship along a dropped column',
      [customers, table('orders', pointing(rule('drop')), node)],
      'public.orders, relationship BY: follows the column customer_id, whose rule is drop',
    ],
    [
      'a relationship along a masked column',
      [customers, table('orders', pointing(rule('mask')), node)],
      'whose rule is mask',
    ],
    [
      'a relationship to less than the whole key',
      [
        table(
          'customers',
          [column('id', key), column('nr')],
          [own('graph', { label: 'Customer' })],
        ),
        table('orders', pointing({}, 'customers.nr'), node),
      ],
      "follows the column customer_id to public.customers.nr, which is not that table's whole key",
    ],
    [
      'a relationship to no node',
      [table('customers', [column('id', key)]), table('orders', pointing({}), node)],
      'public.orders, relationship BY: leads to public.customers, which is no node',
    ],
  ])('%s', (_, schema, text) => {
    const found = problems(() => parse(...schema));
    expect(found.join('\n')).toContain(`shop.yaml: ${text.startsWith('public.') ? text : ''}`);
    expect(found.join('\n')).toContain(text);
  });
});
