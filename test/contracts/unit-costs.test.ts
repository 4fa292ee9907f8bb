import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { priceOn, unitCostsOf } from '../../contracts/unit-costs.ts';

const read = (text: string) => unitCostsOf(text, 'unit-costs.yaml');

test('the contract that comes with Conductor says what was agreed', () => {
  const costs = read(readFileSync('contracts/unit-costs.yaml', 'utf8'));
  const flat = [...costs].map(([name, unit]) => [
    name,
    unit.decimals,
    priceOn(unit, 'anybody', '2026-11-27')?.tiers,
  ]);
  expect(flat).toEqual([
    ['graphql_call', 0, [{ upTo: null, nanoUsd: 2_000n }]],
    ['ingest_event', 0, [{ upTo: null, nanoUsd: 100_000n }]],
    ['storage_gb_day', 9, [{ upTo: null, nanoUsd: 20_000_000n }]],
  ]);
});

const dated = `
unit_costs:
  graphql_call:
    price:
      - { from: 2026-07-01, tiers: [{ up_to: 1000, price: "0.000002" }, { price: 0.000001 }] }
      - { from: 2026-01-01, price: 0.000003 }
    tenants:
      acme: [{ from: 2026-03-01, until: 2026-09-01, price: 0 }]
`;

test('each day has the price that counts on it, a tenant his own while he has one, and days before the first none', () => {
  const unit = read(dated).get('graphql_call')!;
  const on = (tenant: string, day: string) =>
    priceOn(unit, tenant, day)?.tiers.map(({ nanoUsd }) => nanoUsd) ?? null;
  expect(on('other', '2025-12-31')).toBe(null);
  expect(on('other', '2026-01-01')).toEqual([3_000n]);
  expect(on('other', '2026-06-30')).toEqual([3_000n]);
  expect(on('other', '2026-07-01')).toEqual([2_000n, 1_000n]);
  expect(on('acme', '2026-02-28')).toEqual([3_000n]);
  expect(on('acme', '2026-08-31')).toEqual([0n]);
  expect(on('acme', '2026-09-01')).toEqual([2_000n, 1_000n]);
});

test('of prices that do not overlap, one counts on a day at most, in whatever order they are written', () => {
  const days = fc.uniqueArray(fc.integer({ min: 10, max: 28 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(days, fc.integer({ min: 1, max: 31 }), (starts, at) => {
      const lines = starts.map((from) => `      - { from: 2026-01-${from}, price: ${from} }`);
      const unit = read(`unit_costs:\n  call:\n    price:\n${lines.join('\n')}`).get('call')!;
      const day = `2026-01-${`${at}`.padStart(2, '0')}`;
      const last = Math.max(...starts.filter((from) => from <= at), 0);
      const price = priceOn(unit, 'anybody', day);
      expect(price?.tiers[0]?.nanoUsd ?? null).toBe(last === 0 ? null : BigInt(last) * 10n ** 9n);
    }),
  );
});

test.each([
  ['unit_costs: { call: -1 }', 'unit_costs.call.price is no price'],
  ['unit_costs: { call: 0.0000000001 }', 'unit_costs.call.price is no price'],
  ['unit_costs: { Call: 1 }', 'unit_costs.Call'],
  ['unit_costs: { call: cheap }', 'unit_costs.call.price is no price'],
  ['unit_costs: { call: [1] }', 'unit_costs.call is neither'],
  ['costs: 1', 'unit_costs'],
  ['a: [', ''],
  [
    'unit_costs: { call: { price: [{ from: 2026-02-30, price: 1 }] } }',
    'unit_costs.call.price.0.from is no day',
  ],
  [
    'unit_costs: { call: { price: [{ from: 2026-01-01, price: 1 }, { from: 2026-01-01, price: 2 }] } }',
    'two prices count on 2026-01-01',
  ],
  [
    'unit_costs: { call: { price: [{ from: 2026-01-01, until: 2026-03-01, price: 1 }, { from: 2026-02-01, price: 2 }] } }',
    'two prices count on 2026-02-01',
  ],
  [
    'unit_costs: { call: { price: [{ from: 2026-02-01, until: 2026-01-01, price: 1 }] } }',
    'until is not after',
  ],
  ['unit_costs: { call: { price: [{ from: 2026-02-01 }] } }', 'neither price nor tiers'],
  [
    'unit_costs: { call: { price: [{ from: 2026-02-01, tiers: [{ up_to: 5, price: 1 }] }] } }',
    'tiers.0.up_to is there',
  ],
  [
    'unit_costs: { call: { price: [{ from: 2026-02-01, tiers: [{ up_to: 5, price: 1 }, { up_to: 5, price: 1 }, { price: 1 }] }] } }',
    'tiers.1.up_to is not more',
  ],
  [
    'unit_costs: { call: { price: [{ from: 2026-02-01, tiers: [{ up_to: 0.5, price: 1 }, { price: 1 }] }] } }',
    'tiers.0.up_to is not more',
  ],
])('%s is refused, and the field named', (text, said) => {
  expect(() => read(text)).toThrow(said);
});
