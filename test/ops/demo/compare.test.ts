import { describe, expect, test } from 'vitest';
import { parseContracts } from '../../../contracts/odcs.ts';
import { compare, printComparison } from '../../../ops/demo/compare.ts';
import type { Store, StoredEdge, StoredRow } from '../../../ops/demo/stores.ts';
import {
  column,
  customers,
  document,
  key,
  own,
  rule,
  table,
  to,
} from '../../contracts/documents.ts';

const contracts = parseContracts(
  document(
    customers,
    table(
      'orders',
      [
        column('id', key),
        column('customer_id', to('customers.id')),
        column('amount', { physicalType: 'numeric(12,2)' }),
        column('notes', { physicalType: 'text' }),
        column('phone', { physicalType: 'text', ...rule('drop') }),
      ],
      [own('graph', { label: 'Order', relationships: [{ type: 'BY', column: 'customer_id' }] })],
    ),
  ),
  'shop.yaml',
).filter((contract) => contract.table === 'public.orders');

/** A store of one table. */
function listStore(
  name: string,
  rows: readonly (StoredRow | null)[],
  more: { readonly edges?: readonly StoredEdge[]; readonly doubles?: number } = {},
): Store {
  const { edges, doubles } = more;
  return {
    name,
    async *rows() {
      yield* rows;
    },
    ...(edges && {
      async *edges() {
        yield* edges;
      },
    }),
    ...(doubles !== undefined && { doubles: () => Promise.resolve(doubles) }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

const one = { id: 1n, customer_id: 7n, amount: '1.50', notes: null, phone: '+49' };
const two = { id: 2n, customer_id: null, amount: '2.00', notes: 'x'.repeat(200), phone: null };
const source = listStore('source', [one, two]);
const governed = (row: StoredRow): StoredRow => {
  const { phone: _, ...rest } = row;
  return rest;
};
const sink = [
  { id: '1', customer_id: '7', amount: '1.5', notes: null },
  { id: '2', customer_id: null, amount: '2', notes: two.notes },
];

const run = async (...stores: readonly Store[]) => {
  const result = await compare({ contracts, source, stores, expected: (_, row) => governed(row) });
  return { ...result, first: result.tables[0]?.stores[0] };
};

describe('the comparison', () => {
  test('finds stores equal that say the same in other words', async () => {
    const edges = [{ type: 'BY', from: { id: 1n }, to: 7n }];
    const result = await run(
      listStore('mirror', sink),
      listStore('graph', sink, { edges }),
      listStore('warehouse', sink, { doubles: 0 }),
    );
    expect(result).toMatchObject({
      equal: true,
      tables: [{ table: 'public.orders', sourceRows: 2 }],
    });
    expect(result.first).toEqual({
      store: 'mirror',
      rows: 2,
      missing: 0,
      extra: 0,
      different: 0,
      examples: [],
    });
  });

  test.each<[fault: string, store: Store, counts: object, example: string]>([
    [
      'a missing row',
      listStore('s', sink.slice(1)),
      { missing: 1, extra: 0, different: 0 },
      'missing: id "1"',
    ],
    [
      'a row too many',
      listStore('s', [...sink, { ...sink[0]!, id: '3' }]),
      { missing: 0, extra: 1 },
      'extra: id "3"',
    ],
    [
      'a row that is there twice',
      listStore('s', [...sink, sink[0]!]),
      { extra: 1 },
      'extra: id "1", which is there twice',
    ],
    [
      'another value',
      listStore('s', [{ ...sink[0]!, amount: '1.51' }, sink[1]!]),
      { different: 1 },
      'different: id "1" in amount',
    ],
    [
      'an empty text for NULL',
      listStore('s', [{ ...sink[0]!, notes: '' }, sink[1]!]),
      { different: 1 },
      'different: id "1" in notes',
    ],
    [
      'NULL for a long text',
      listStore('s', [sink[0]!, { ...sink[1]!, notes: null }]),
      { different: 1 },
      'different: id "2" in notes',
    ],
    ['a stub', listStore('s', [...sink, null]), { extra: 1 }, 'extra: a node that others point to'],
    [
      'a missing relationship',
      listStore('s', sink, { edges: [] }),
      { missing: 1 },
      'missing: BY of id "1"',
    ],
    [
      'a relationship to another',
      listStore('s', sink, { edges: [{ type: 'BY', from: { id: 1n }, to: 8n }] }),
      { missing: 1, extra: 1 },
      'extra: BY of id "1"',
    ],
    [
      'a change that is there twice',
      listStore('s', sink, { doubles: 2 }),
      { extra: 2 },
      'extra: 2 changes that are there twice',
    ],
  ])('tells %s', async (_, store, counts, example) => {
    const { equal, first } = await run(store);
    expect(equal).toBe(false);
    expect(first).toMatchObject(counts);
    expect(first?.examples.join('\n')).toContain(example);
  });

  test('finds a row that must not be there', async () => {
    const stores = [listStore('s', sink)];
    const expected = (_: string, row: StoredRow) => (row['id'] === 1n ? null : governed(row));
    const { equal, tables } = await compare({ contracts, source, stores, expected });
    expect(equal).toBe(false);
    expect(tables[0]?.stores[0]).toMatchObject({ missing: 0, extra: 1 });
  });

  test('prints counts, keys and columns, and no value', async () => {
    const lines: string[] = [];
    const wrong = [{ ...sink[0]!, notes: 'a secret' }, sink[1]!];
    const result = await run(listStore('mirror', sink), listStore('graph', wrong));
    printComparison(result, (line) => lines.push(line));
    expect(lines).toEqual([
      'table            source rows         mirror          graph',
      'public.orders              2            = 2        ≠ 0/0/1',
      '  graph: different: id "1" in notes',
      'not equal (≠ missing/extra/different)',
    ]);
  });

  test('prints one last line when all is equal', async () => {
    const lines: string[] = [];
    printComparison(await run(listStore('mirror', sink)), (line) => lines.push(line));
    expect(lines.at(-1)).toBe('source = mirror, row by row');
  });
});
