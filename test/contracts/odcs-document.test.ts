import { describe, expect, test } from 'vitest';
import { parseContracts } from '../../contracts/odcs.ts';
import { column, customers, document, key, own, problems, rule, table, to } from './documents.ts';

describe('a document of another shape is refused', () => {
  const valid = column('id', key);

  test.each<[fault: string, yaml: string, text: string]>([
    ['no YAML', 'a: [', 'shop.yaml: '],
    ['a key that is there twice', 'id: a\nid: b', 'shop.yaml: Map keys must be unique'],
    ['an empty document', '', 'shop.yaml: the document invalid input'],
    [
      'another version',
      document(customers).replace('v3.1.0', 'v2.2.2'),
      'shop.yaml: "apiVersion" invalid input: expected "v3.1.0"; for example apiVersion: v3.1.0',
    ],
    [
      'an unknown key of the document',
      document(customers).replace('"id":"shop"', '"id":"shop","colour":"red"'),
      'shop.yaml: unknown key "colour"; remove it or correct its spelling',
    ],
    [
      'an unknown key of a table',
      document({ ...customers, kolumns: [] }),
      'shop.yaml: public.customers: unknown key "kolumns"',
    ],
    [
      'an unknown key of a column',
      document(table('a', [{ ...valid, clasification: 'x' }])),
      'shop.yaml: public.a, column id: unknown key "clasification"',
    ],
    [
      'no classification',
      document(table('a', [column('id', { classification: undefined })])),
      'shop.yaml: public.a, column id: "classification" invalid option',
    ],
    [
      'an unknown rule',
      document(table('a', [column('id', rule('hide'))])),
      'shop.yaml: public.a, column id: "value" invalid option: expected one of "keep"|"mask"|"tokenise"|"generalise"|"drop"',
    ],
    [
      'no type',
      document(table('a', [column('id', { physicalType: undefined })])),
      'public.a, column id: "physicalType" is missing',
    ],
    [
      'a table name without its schema',
      document({ ...customers, physicalName: 'customers' }),
      '"physicalName" is not schema.table; for example physicalName: public.orders',
    ],
    [
      'a view',
      document({ ...customers, physicalType: 'view' }),
      'shop.yaml: public.customers: "physicalType"',
    ],
    [
      'an unknown property of a table',
      document(table('a', [valid], [own('owner', 'me')])),
      'shop.yaml: public.a: "property"',
    ],
    [
      'a label that is not one',
      document(table('a', [valid], [own('graph', { label: 'a b' })])),
      'shop.yaml: public.a: "label" is no label; for example label: Order',
    ],
    [
      'a reference that is not one',
      document(table('a', [column('id', to('customers'))])),
      'shop.yaml: public.a, column id: "to" is not table.column; for example to: customers.id',
    ],
  ])('%s', (_, yaml, text) => {
    expect(problems(() => parseContracts(yaml, 'shop.yaml')).join('\n')).toContain(text);
  });

  test('with every fault at once', () => {
    const twice = document(table('a', [{ name: 'id' }]));
    expect(problems(() => parseContracts(twice, 'shop.yaml'))).toHaveLength(2);
  });
});
