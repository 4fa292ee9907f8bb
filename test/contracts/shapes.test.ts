import { expect, test } from 'vitest';
import { governedColumns, type Rule, type TableContract } from '../../contracts/contract.ts';
import { changeShape, governedShape } from '../../contracts/shapes.ts';

const column = (
  name: string,
  type: string,
  [classification, rule]: readonly ['internal' | 'confidential', Rule],
) => ({
  name,
  type,
  classification,
  rule,
  sensitivity: 'low' as const,
  hierarchy: null,
  references: null,
});

const contract: TableContract = {
  table: 'public.t',
  revision: 'r1',
  key: ['b', 'a'],
  tenant: null,
  subject: { column: 'a', domain: 'public.t.a' },
  columns: [
    column('a', 'bigint', ['confidential', 'tokenise']),
    column('b', 'integer', ['internal', 'keep']),
    column('secret', 'text', ['confidential', 'mask']),
    column('gone', 'text', ['internal', 'drop']),
    column('ratio', 'real', ['internal', 'mask']),
  ],
  graph: null,
};

const as = (name: string, type: string, kind: string) => ({ name, type, kind });

test('as captured: no confidential column, a confidential key as text, the key in its own order', () => {
  expect(changeShape(contract)).toEqual({
    table: 'public.t',
    key: [as('b', 'integer', 'int'), as('a', 'text', 'string')],
    row: [as('b', 'integer', 'int'), as('gone', 'text', 'string'), as('ratio', 'real', 'float')],
  });
});

test('as governed: what is dropped is gone, what is masked or tokenised is text', () => {
  expect(governedShape(contract)).toEqual({
    table: 'public.t',
    key: [as('b', 'integer', 'int'), as('a', 'text', 'string')],
    row: [
      as('a', 'text', 'string'),
      as('b', 'integer', 'int'),
      as('secret', 'text', 'string'),
      as('ratio', 'text', 'string'),
    ],
  });
});

test('sinks have the columns that govern releases, of the types that it releases', () => {
  const columns = governedColumns(contract);
  expect(columns).toEqual(governedShape(contract).row.map(({ name, type }) => ({ name, type })));
});
