import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadContracts, parseContracts } from '../../contracts/odcs.ts';
import {
  column,
  customers,
  document,
  type Json,
  key,
  own,
  parse,
  rule,
  table,
  to,
} from './documents.ts';

describe('a contract', () => {
  test('says all that was promised about a table', () => {
    const yaml = `
apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
schema:
  - name: customers
    physicalName: public.customers
    physicalType: table
    properties:
      - { name: id, physicalType: int8, primaryKey: true, classification: internal, customProperties: [{ property: rule, value: keep }] }
    customProperties: [{ property: graph, value: { label: Customer } }]
  - name: orders
    physicalName: public.orders
    physicalType: table
    properties:
      - { name: line, physicalType: smallint, primaryKey: true, primaryKeyPosition: 2, classification: internal, customProperties: [{ property: rule, value: keep }] }
      - { name: id, physicalType: bigint, primaryKey: true, primaryKeyPosition: 1, classification: internal, customProperties: [{ property: rule, value: keep }] }
      - { name: tenant_id, physicalType: bigint, classification: internal, customProperties: [{ property: rule, value: keep }] }
      - name: customer_id
        logicalType: integer
        physicalType: bigint
        classification: internal
        relationships: [{ type: foreignKey, to: customers.id }]
        customProperties: [{ property: rule, value: keep }]
      - { name: email, physicalType: text, classification: confidential, customProperties: [{ property: rule, value: tokenise }] }
      - { name: notes, physicalType: text, classification: internal }
    customProperties:
      - { property: tenant, value: tenant_id }
      - { property: subject, value: customer_id }
      - { property: graph, value: { label: Order, relationships: [{ type: PLACED_BY, column: customer_id }] } }
`;
    const [, orders] = parseContracts(yaml, 'shop.yaml');

    const plain = {
      type: 'bigint',
      classification: 'internal',
      sensitivity: 'low',
      rule: 'keep',
      hierarchy: null,
      references: null,
    };
    expect(orders).toEqual({
      table: 'public.orders',
      revision: expect.stringMatching(/^[0-9a-f]{16}$/),
      key: ['id', 'line'],
      tenant: 'tenant_id',
      subject: { column: 'customer_id', domain: 'public.customers.id' },
      columns: [
        { ...plain, name: 'line', type: 'smallint' },
        { ...plain, name: 'id' },
        { ...plain, name: 'tenant_id' },
        { ...plain, name: 'customer_id', references: { table: 'public.customers', column: 'id' } },
        {
          ...plain,
          name: 'email',
          type: 'text',
          classification: 'confidential',
          sensitivity: 'medium',
          rule: 'tokenise',
        },
        { ...plain, name: 'notes', type: 'text', rule: 'drop' },
      ],
      graph: {
        label: 'Order',
        relationships: [{ type: 'PLACED_BY', column: 'customer_id', to: 'public.customers' }],
      },
    });
  });

  test('has its key in the order in which an object keeps it, whatever its columns are called', () => {
    const named = (name: string, at: number) => column(name, { ...key, primaryKeyPosition: at });
    const [contract] = parse(
      table('a', [named('b', 1), named('2', 2), named('a', 3), named('1', 4), named('01', 5)]),
    );
    expect(contract?.key).toEqual(['1', '2', 'b', 'a', '01']);
  });

  test('says how the tokens of a column look, and nothing of it where nothing is said', () => {
    const nr = { physicalType: 'character varying(32)', ...rule('keep') };
    const formed = {
      ...nr,
      customProperties: [...nr.customProperties, own('tokenForm', 'digits')],
    };
    const [of] = parse(table('a', [column('id', key), column('nr', formed)]));
    const [without] = parse(table('a', [column('id', key), column('nr', nr)]));
    expect(of?.columns.map(({ tokenForm }) => tokenForm)).toEqual([undefined, 'digits']);
    expect(of?.columns[0]).not.toHaveProperty('tokenForm'); // Revisions of contracts of before stay.
    expect(of?.revision).not.toBe(without?.revision);
  });

  test('without a word on a column drops it', () => {
    const [contract] = parse(
      table('a', [column('id', { ...key }), column('b', { customProperties: [] })]),
    );
    expect(contract?.columns[1]?.rule).toBe('drop');
  });

  test('has its own column as the domain of a subject that points nowhere', () => {
    const [contract] = parse(table('customers', [column('id', key)], [own('subject', 'id')]));
    expect(contract?.subject).toEqual({ column: 'id', domain: 'public.customers.id' });
  });

  test('lets a foreign key of a foreign key share the token of the first', () => {
    const contracts = parse(
      table('persons', [column('id', { ...key, ...rule('tokenise') })]),
      table('customers', [column('id', { ...key, ...rule('tokenise'), ...to('persons.id') })]),
      table('orders', [
        column('id', key),
        column('customer_id', { ...rule('tokenise'), ...to('customers.id') }),
      ]),
    );
    const orders = contracts.find((each) => each.table === 'public.orders');
    expect(orders?.columns[1]?.references).toEqual({ table: 'public.persons', column: 'id' });
  });

  test('may point to its own table', () => {
    const [contract] = parse(table('staff', [column('id', key), column('boss', to('staff.id'))]));
    expect(contract?.columns[1]?.references).toEqual({ table: 'public.staff', column: 'id' });
  });

  test('has another revision if it promises something else, and only then', () => {
    const revision = (...columns: readonly Json[]) => parse(table('a', columns))[0]?.revision;
    const first = revision(column('id', key));

    expect(revision({ ...key, ...column('id') })).toBe(first);
    expect(revision(column('id', { ...key, description: 'words' }))).toBe(first);
    expect(revision(column('id', { ...key, ...rule('tokenise') }))).not.toBe(first);
    expect(revision(column('id', { ...key, classification: 'public' }))).not.toBe(first);
  });
});

describe('a folder of contracts', () => {
  async function load(files: Readonly<Record<string, string>>) {
    const folder = await mkdtemp(join(tmpdir(), 'conductor-contracts-'));
    try {
      for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
      return await loadContracts(folder);
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  test('is read as one: contracts point to each other across files', async () => {
    const orders = table('orders', [column('id', key), column('customer_id', to('customers.id'))]);
    const contracts = await load({
      'orders.yaml': document(orders),
      'customers.yml': document(customers),
      'notes.md': 'not a contract',
    });
    expect(contracts.map((contract) => contract.table)).toEqual([
      'public.customers',
      'public.orders',
    ]);
    expect(contracts[1]?.columns[1]?.references?.table).toBe('public.customers');
  });

  test('with two contracts for a table is refused, and both files are named', async () => {
    await expect(
      load({ 'a.yaml': document(customers), 'b.yaml': document(customers) }),
    ).rejects.toThrow('b.yaml: public.customers: has a contract in a.yaml already');
  });

  test('names the faults of all its files at once', async () => {
    const found = load({ 'a.yaml': 'x: [', 'b.yaml': document({ ...customers, more: 1 }) });
    await expect(found).rejects.toThrow(
      /a\.yaml: .*\n {2}b\.yaml: public\.customers: unknown key/s,
    );
  });

  test('without a contract is refused', async () => {
    await expect(load({ 'readme.txt': '' })).rejects.toThrow('no *.yaml in it');
  });

  test('that is not there is refused', async () => {
    await expect(loadContracts('/no/such/folder')).rejects.toThrow(
      '/no/such/folder: cannot be read',
    );
  });

  test('is what the demo shop has', async () => {
    const contracts = await loadContracts('contracts/tables');
    expect(contracts.map((contract) => contract.table)).toEqual([
      'public.customers',
      'public.order_items',
      'public.orders',
      'public.products',
      'public.tenants',
    ]);
  });
});
