import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contractChanges } from '../../contracts/contract-diff.ts';
import { readDocument } from '../../contracts/odcs-document.ts';
import { column, document, type Json, key, own, table } from './documents.ts';

const read = (part: Json) => readDocument(document(part), 'shop.yaml');
const properties = (...all: readonly Json[]) => ({ customProperties: all });

/** Any contract of the table, by what each column of it is. */
const anyColumn = (name: string) =>
  fc
    .record({
      classification: fc.constantFrom('public', 'internal', 'confidential', 'restricted'),
      rule: fc.constantFrom('keep', 'mask', 'tokenise', 'drop'),
      sensitivity: fc.constantFrom('low', 'medium', 'high'),
      required: fc.boolean(),
      unique: fc.boolean(),
      type: fc.constantFrom('text', 'bigint'),
      most: fc.integer({ min: 0, max: 9 }),
    })
    .map(({ rule, sensitivity, type, most, ...more }) =>
      column(name, {
        ...more,
        physicalType: type,
        quality: [{ metric: 'nullValues', mustBeLessOrEqualTo: most }],
        ...properties(own('rule', rule), own('sensitivity', sensitivity)),
      }),
    );
const anyTable = fc
  .tuple(anyColumn('a'), anyColumn('b'))
  .map((columns): Json => table('orders', [column('id', key), ...columns]));

test('a contract differs in nothing from itself, in whatever order it is written', () => {
  fc.assert(
    fc.property(anyTable, (part) => {
      const { properties: columns, ...rest } = part as { properties: readonly Json[] };
      const turned = { properties: columns.toReversed(), ...rest };
      expect(contractChanges(read(part), read(part))).toEqual([]);
      expect(contractChanges(read(part), read(turned))).toEqual([]);
    }),
  );
});

const classes = ['public', 'internal', 'confidential', 'restricted'];
const rules = ['keep', 'tokenise', 'mask', 'drop'];
const harms = ['low', 'medium', 'high'];
const weight = (each: Json) => {
  const said = each['customProperties'] as readonly { property: string; value: string }[];
  const of = (name: string) => said.find(({ property }) => property === name)?.value ?? '';
  const [{ mustBeLessOrEqualTo }] = each['quality'] as [{ mustBeLessOrEqualTo: number }];
  return [
    classes.indexOf(String(each['classification'])),
    rules.indexOf(of('rule')),
    harms.indexOf(of('sensitivity')),
    Number(each['required']),
    Number(each['unique']),
    -mustBeLessOrEqualTo,
  ];
};

test('whatever is loosened in any respect breaks', () => {
  fc.assert(
    fc.property(anyColumn('a'), anyColumn('a'), (was, is) => {
      const [before, after] = [weight(was), weight(is)];
      fc.pre(before.some((each, at) => after[at]! < each));
      const all = (each: Json) => read(table('orders', [column('id', key), each]));
      expect(contractChanges(all(was), all(is)).some(({ breaks }) => breaks !== null)).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});
