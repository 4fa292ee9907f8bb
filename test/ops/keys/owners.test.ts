import { expect, test } from 'vitest';
import { ownerOf, ownersOf } from '../../../ops/keys/owners.ts';
import { contractOf } from '../../sinks/changes.ts';

const domain = 'public.users.id';
const tables = [
  { name: 'users', tenant: null, domain },
  { name: 'plain', tenant: null, domain: 'public.plain.id' },
  { name: 'orders', tenant: 'tenant_id', domain: 'public.orders.owner' },
  { name: 'notes', tenant: 'tenant_id', domain },
  { name: 'logs', tenant: null, domain: null },
];
const contracts = new Map(
  tables.map(({ name, tenant, domain: of }) => {
    const contract = contractOf(`public.${name}`, { id: 'bigint' }, { key: ['id'] });
    const subject = of === null ? null : { column: 'id', domain: of };
    return [contract.table, { ...contract, tenant, subject }];
  }),
);
const named = (table: string, tenant?: string) =>
  [contracts, { tenant, table: `public.${table}`, subject: '42' }] as const;

test('of tables of one domain with and without tenants both owners are meant, whichever is named', () => {
  const both = [null, '7'].map((tenant) => ({ tenant, domain, subject: '42' }));
  expect(ownersOf(...named('users', '7'))).toEqual(both);
  expect(ownersOf(...named('notes', '7'))).toEqual(both);
});

test('where all tables of a domain are alike one owner is meant', () => {
  expect(ownersOf(...named('plain'))).toEqual([
    { tenant: null, domain: 'public.plain.id', subject: '42' },
  ]);
  expect(ownersOf(...named('orders', '7'))).toEqual([
    { tenant: '7', domain: 'public.orders.owner', subject: '42' },
  ]);
});

test('a tenant that no row of the subject tells is refused: nobody would be erased', () => {
  for (const of of [ownersOf, ownerOf])
    expect(() => of(...named('plain', '7'))).toThrow(
      'public.plain belong to no tenants: leave --tenant out',
    );
  expect(() => ownerOf(...named('users', '7'))).toThrow('leave --tenant out');
});

test('a tenant that is missing is asked for, also for another table of the domain', () => {
  for (const of of [ownersOf, ownerOf])
    expect(() => of(...named('orders'))).toThrow('public.orders belong to tenants');
  expect(() => ownersOf(...named('users'))).toThrow('public.notes belong to tenants');
});

test('a table that nobody has a contract of, or whose rows are nobody’s, is refused', () => {
  for (const of of [ownersOf, ownerOf]) {
    expect(() => of(...named('nothing'))).toThrow('no contract is of table public.nothing');
    expect(() => of(...named('logs'))).toThrow('names no subject column');
  }
});
