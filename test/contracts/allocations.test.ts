import { expect, test } from 'vitest';
import { allocationsOf } from '../../contracts/allocations.ts';
import { unitCostsOf } from '../../contracts/unit-costs.ts';

const units = unitCostsOf('unit_costs: { graphql_call: 0.000002, ingest_event: 0.0001 }', 'units');
const read = (text: string) => allocationsOf(`allocations: ${text}`, 'allocations.yaml', units);

test('a cost is shared by units, in the singular or the plural, by weights, by amounts or evenly', () => {
  expect(
    read(
      '{ a: { method: ratio, keys: [graphql_calls, ingest_event], costs: { 2026-10: 1.5 } }, b: { method: even }, c: { method: weighted, weights: { x: 0.5 } }, d: { method: fixed, amounts: { x: 2 }, costs: { 2026-10: 2 } } }',
    ),
  ).toEqual([
    {
      name: 'a',
      sharing: { method: 'ratio', units: ['graphql_call', 'ingest_event'] },
      costs: new Map([['2026-10', 1_500_000_000n]]),
    },
    { name: 'b', sharing: { method: 'even' }, costs: new Map() },
    {
      name: 'c',
      sharing: { method: 'weighted', weights: new Map([['x', 500_000_000_000n]]) },
      costs: new Map(),
    },
    {
      name: 'd',
      sharing: { method: 'fixed', amounts: new Map([['x', 2_000_000_000n]]) },
      costs: new Map([['2026-10', 2_000_000_000n]]),
    },
  ]);
});

test.each([
  ['{ a: { method: ratio, keys: [phone_calls] } }', 'allocations.a.keys.0 is no unit'],
  ['{ a: { method: ratio, keys: [] } }', 'allocations.a.keys'],
  ['{ a: { method: dice } }', 'allocations.a.method'],
  ['{ a: { method: even, costs: { 2026-13: 1 } } }', 'is no month'],
  ['{ a: { method: even, costs: { 2026-10: -1 } } }', 'allocations.a.costs.2026-10 is no amount'],
  ['{ a: { method: weighted, weights: { x: heavy } } }', 'allocations.a.weights.x is no weight'],
  ['{ a: { method: fixed, amounts: { x: 2 }, costs: { 2026-10: 3 } } }', 'is not the sum'],
  ['{ a: [ }', 'where: allocations.yaml'],
])('%s is refused: %s', (text, says) => {
  expect(() => read(text)).toThrow(says);
});
