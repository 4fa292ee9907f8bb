import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bounded,
  type NamedContribution,
  thoseThatMatter,
} from '../../../processors/noise/bounded.ts';
import { type Contribution, contributions } from '../../../processors/noise/contributions.ts';
import type { Plan } from '../../../processors/noise/plan.ts';
import type { Change } from '../../../schemas/change.ts';
import { unchanged, type Row } from '../../../schemas/value.ts';
import { decoded } from '../tables.ts';
import { orderPlan, orders } from './orders.ts';

const order = { id: 1n, tenant_id: 1n, customer_id: 7n, status: 'open' };

interface Told {
  readonly before?: Row | null;
  readonly after?: Row | null;
  readonly amounts?: readonly [before: string | null, after: string | null];
}

/** What a change of the orders contributes; amounts are confidential, and so beside the row. */
function of(
  op: Change['op'],
  { before = null, after = null, amounts = [null, null] }: Told,
  plan: Plan = orderPlan(),
): readonly Contribution[] {
  const change = { ...decoded(op, { before, after }, orders()), sealed: null };
  const [then, now] = amounts;
  return contributions(plan, change, {
    before: before && { amount: then },
    after: after && { amount: now },
  });
}

const [orderCount, revenue, basket, byStatus] = [0, 1, 2, 3];

describe('a change adds', () => {
  test('a row that is inserted to every query, as far as bounds reach', () => {
    expect(of('insert', { after: order, amounts: [null, '612.50'] })).toEqual([
      {
        tenant: '1',
        subject: '7',
        rows: 1,
        effects: [
          [orderCount, 0, 0, 1n],
          [revenue, 0, 0, 500_00n],
          [basket, 0, 0, 500_00n], // As far from the middle as can be, in halves.
          [basket, 1, 0, 1n],
          [byStatus, 0, 0, 1n],
        ],
      },
    ]);
  });

  test('what was deleted is taken away again', () => {
    const [inserted] = of('insert', { after: order, amounts: [null, '20'] });
    const [deleted] = of('delete', { before: order, amounts: ['20', null] });
    expect(deleted?.effects).toEqual(
      inserted?.effects.map(([query, channel, cell, units]) => [query, channel, cell, -units]),
    );
  });

  test('an update only what differs, as two rows', () => {
    const after = { ...order, status: 'paid' };
    expect(of('update', { before: order, after, amounts: ['20', '25.10'] })).toEqual([
      {
        tenant: '1',
        subject: '7',
        rows: 2,
        effects: [
          [revenue, 0, 0, 5_10n],
          [basket, 0, 0, 10_20n],
          [byStatus, 0, 0, -1n],
          [byStatus, 0, 1, 1n],
        ],
      },
    ]);
  });

  test('nothing where nothing that is asked for changed, or was sent', () => {
    const after = { ...order, id: 2n };
    expect(of('update', { before: order, after, amounts: ['20', '20'] })).toEqual([]);
    const toast: Row = { ...order, status: unchanged };
    expect(of('update', { before: order, after: toast, amounts: ['20', '20'] })).toEqual([]);
  });

  test('to each of two subjects its own part, where a row passes from one to the other', () => {
    const after = { ...order, customer_id: 8n };
    const both = of('update', { before: order, after, amounts: ['20', '20'] });
    expect(both.map(({ subject, rows, effects }) => [subject, rows, effects[0]])).toEqual([
      ['7', 1, [orderCount, 0, 0, -1n]],
      ['8', 1, [orderCount, 0, 0, 1n]],
    ]);
  });

  test('nothing of nobody, of another tenant, of a copy, of a truncate', () => {
    expect(of('insert', { after: { ...order, customer_id: null } })).toEqual([]);
    expect(of('insert', { after: order }, orderPlan({ tenants: ['2'] }))).toEqual([]);
    expect(of('insert', { after: order }, orderPlan({ tenants: ['1'] }))).toHaveLength(1);
    expect(of('truncate', {})).toEqual([]);
    const copy = { ...decoded('insert', { after: order }, orders()), log: 'slot/backfill1' };
    const nothing = { before: null, after: { amount: '1' } };
    expect(contributions(orderPlan(), { ...copy, sealed: null }, nothing)).toEqual([]);
  });

  test('inserts alone, where that was promised', () => {
    const plan = orderPlan({ changes: 'inserts' });
    expect(of('delete', { before: order, amounts: ['20', null] }, plan)).toEqual([]);
    expect(of('delete', {}, plan)).toEqual([]);
    expect(of('insert', { after: order, amounts: [null, '20'] }, plan)).toHaveLength(1);
  });

  test('null, NaN and text that is no number are in no sum', () => {
    for (const amount of [null, 'NaN', 'Infinity'])
      expect(of('insert', { after: order, amounts: [null, amount] })[0]?.effects).toEqual([
        [orderCount, 0, 0, 1n],
        [byStatus, 0, 0, 1n],
      ]);
  });

  test('a value of no bucket to the rest', () => {
    const [other] = of('insert', { after: { ...order, status: 'lost' } });
    expect(other?.effects).toContainEqual([byStatus, 0, 2, 1n]);
  });
});

describe('a change without its old row', () => {
  const keyAlone: Row = {
    id: 1n,
    tenant_id: unchanged,
    customer_id: unchanged,
    status: unchanged,
  };

  test('is refused by table, and by no value', () => {
    expect(() => of('delete', {})).toThrow(/public\.orders.*REPLICA IDENTITY FULL/);
  });

  test('is refused also where it brings the key of it, or not all that is asked for', () => {
    const told = /public\.orders.*REPLICA IDENTITY FULL/;
    const after = { ...order, id: 2n };
    expect(() => of('delete', { before: keyAlone })).toThrow(told);
    expect(() => of('update', { before: keyAlone, after })).toThrow(told);
    for (const name of ['tenant_id', 'customer_id', 'status'])
      expect(() => of('delete', { before: { ...order, [name]: unchanged } })).toThrow(told);
    const change = { ...decoded('delete', { before: order }, orders()), sealed: null };
    const secret = { before: { amount: unchanged } as Row, after: null };
    expect(() => contributions(orderPlan(), change, secret)).toThrow(told);
  });

  test('is not refused for what nobody asks for, nor where its subject is erased', () => {
    expect(of('delete', { before: { ...order, id: unchanged } })).toHaveLength(1);
    const change = { ...decoded('delete', { before: order }, orders()), sealed: null };
    const erased = { before: null, after: null };
    expect(contributions(orderPlan(), change, erased)).toHaveLength(1);
  });
});

describe('numbers between edges', () => {
  const plan = orderPlan({
    queries: [
      { name: 'sizes', kind: 'histogram', column: 'amount', buckets: [10, 99.5], share: 1 },
    ],
  });
  test.each([
    ['-3', 0],
    ['9.99', 0],
    ['10', 1],
    ['99.49', 1],
    ['99.50', 2],
    ['1e9', 2],
  ])('%s is in bucket %i', (amount, cell) => {
    const [told] = of('insert', { after: order, amounts: [null, amount] }, plan);
    expect(told?.effects).toEqual([[0, 0, cell, 1n]]);
  });
});

const entry = fc.record({
  tenant: fc.constant('1'),
  name: fc.constantFrom('a', 'b', 'c'),
  rows: fc.constantFrom(1, 2),
  units: fc.bigInt({ min: -500_00n, max: 500_00n }),
});
type Entry = typeof entry extends fc.Arbitrary<infer T> ? T : never;

/** Each row of it adds no more than the greatest amount. */
const asContribution = ({ units, rows, ...rest }: Entry, at: number): NamedContribution => ({
  ...rest,
  rows,
  at: `${at}`.padStart(4, '0'),
  effects: [
    [orderCount, 0, 0, BigInt(rows)],
    [revenue, 0, 0, units * BigInt(rows)],
  ] as const,
});

describe('who counts too often', () => {
  const plan = orderPlan({ contribution: { windows: 2, rows: 3 } });
  const sumsOf = (entries: readonly Entry[], windows: Readonly<Record<string, number>>) =>
    bounded(plan, entries.map(asContribution), (name) => windows[name] ?? 0);

  test('changes a window by no more than the noise was made for, and nothing of what others do', () => {
    fc.assert(
      fc.property(
        fc.array(entry, { maxLength: 12 }),
        fc.record({ a: fc.integer({ min: 0, max: 3 }), b: fc.integer({ min: 0, max: 3 }) }),
        (entries, windows) => {
          const all = sumsOf(entries, windows);
          const without = sumsOf(
            entries.filter(({ name }) => name !== 'a'),
            windows,
          );
          const by = (query: number) =>
            (all.sums[query]?.[0]?.[0] ?? 0n) - (without.sums[query]?.[0]?.[0] ?? 0n);
          const bound = windows.a >= 2 ? 0n : 3n;
          expect(by(orderCount)).toBeLessThanOrEqual(bound);
          const size = by(revenue) < 0n ? -by(revenue) : by(revenue);
          expect(size).toBeLessThanOrEqual(bound * 500_00n);
          expect(all.counted.filter((name) => name !== 'a')).toEqual(without.counted);
        },
      ),
    );
  });

  test('counts the same whether a window comes whole or in parts, whoever else is in them', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(entry, fc.nat({ max: 3 })), { maxLength: 14 }),
        fc.integer({ min: 1, max: 6 }),
        (entries, rows) => {
          const all = entries.map(([each, part], at) => [asContribution(each, at), part] as const);
          for (const name of ['a', 'b', 'c']) {
            const own = all.filter(([each]) => each.name === name);
            const whole = thoseThatMatter(
              own.map(([each]) => each),
              rows,
            );
            let kept: readonly NamedContribution[] = [];
            for (const part of [3, 1, 0, 2]) {
              const came = own.filter(([, of]) => of === part).map(([each]) => each);
              kept = thoseThatMatter([...came, ...kept], rows);
            }
            expect(kept).toEqual(whole);
          }
        },
      ),
    );
  });

  test('is told by number, and a change that counts for two is taken whole or not at all', () => {
    const one: Entry = { tenant: '1', name: 'a', rows: 1, units: 1n };
    const two: Entry = { ...one, rows: 2 };
    const told = sumsOf([two, two, one, one], {});
    expect(told.sums[orderCount]).toEqual([[2n]]);
    expect(told).toMatchObject({ counted: ['a'], left: 3 });
    expect(sumsOf([one, two, one], {}).sums[orderCount]).toEqual([[3n]]);
    expect(sumsOf([one], { a: 2 })).toMatchObject({ counted: [], left: 1 });
  });
});
