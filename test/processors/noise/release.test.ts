import { createSecretKey, hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { follows, isBehind, monthWindow } from '../../../processors/noise/months.ts';
import { NodeNoise } from '../../../processors/noise/node-noise.ts';
import type { Plan } from '../../../processors/noise/plan.ts';
import type { Cells } from '../../../processors/noise/cells.ts';
import { release, type Running } from '../../../processors/noise/release.ts';
import type { Noisy } from '../../../schemas/noisy.ts';
import { orderPlan } from './orders.ts';

const key = createSecretKey(hash('sha256', 'release', 'buffer'));
const day = 86_400;
const at = (text: string) => Date.parse(text) * 1_000;

/** Releases days one after the other, from a first one on. */
function released(
  plan: Plan,
  query: number,
  days: readonly Cells[],
  {
    from = '2026-01-30',
    tenant = null as string | null,
    secret = key,
    before = null as Running | null,
  } = {},
) {
  const planned = plan.queries[query];
  if (!planned) throw new Error('there is no such query');
  let running = before;
  const nodes = new NodeNoise(secret);
  const values: Noisy[][] = [];
  for (const [n, sums] of days.entries()) {
    const window = monthWindow(at(from) + n * day * 1e6, day);
    const out = release({ plan, planned, nodes }, running, { window, tenant, sums });
    running = out.running;
    values.push([...out.values]);
  }
  return { running, values };
}

const plan = orderPlan();
const ones = (count: number) => Array.from({ length: count }, (): Cells => [[1_000n]]);
const numbers = (values: readonly Noisy[][], span: Noisy['span']) =>
  values.map((each) => Number(each.find((value) => value.span === span)?.value));

describe('windows', () => {
  test('are counted from the beginning of their month', () => {
    expect(monthWindow(at('2026-01-01'), day)).toMatchObject({ month: '2026-01', index: 0 });
    expect(monthWindow(at('2026-02-28T23:00Z'), 3_600)).toEqual({
      month: '2026-02',
      index: 671,
      from: at('2026-02-28T23:00Z'),
      to: at('2026-03-01'),
    });
    const january = monthWindow(at('2027-01-01'), day);
    expect([30, 31, 32].map((next) => follows({ month: '2026-12', next }, january))).toEqual([
      false,
      true,
      false,
    ]);
    expect([31, 32].map((next) => isBehind({ month: '2026-12', next }, january))).toEqual([
      false,
      true,
    ]);
  });
});

describe('a release', () => {
  test('says what it is of, and how it is noised', () => {
    const [first] = released(plan, 1, [[[1_234_50n]]]).values;
    expect(first).toMatchObject(
      (['window', 'month', 'total'] as const).map((span) => ({
        dataset: 'orders',
        tenant: null,
        query: 'revenue',
        kind: 'sum',
        bucket: null,
        span,
        from: at('2026-01-30'),
        to: at('2026-01-31'),
        epsilon: 1,
        delta: 1e-6,
        mechanism: 'laplace',
        scale: '8000.00000000',
        draws: span === 'window' ? 1 : 30, // Of a flat tree, as many as there are days.
      })),
    );
    for (const { value } of first ?? []) expect(value).toMatch(/^-?\d+\.\d\d$/);
  });

  test('is the same however often it is made, and another one under another key, tenant or budget', () => {
    const made = (...more: Parameters<typeof released>) => JSON.stringify(released(...more).values);
    const days = ones(4);
    expect(made(plan, 0, days)).toBe(made(plan, 0, days));
    const secret = createSecretKey(hash('sha256', 'another', 'buffer'));
    const others = [
      made(plan, 0, days),
      made(plan, 0, days, { secret }),
      made(plan, 0, days, { tenant: '1' }),
      made(orderPlan({ epsilon: 2 }), 0, days),
    ].map((text) => text.replaceAll(/"(tenant|epsilon|scale)":[^,]*,/g, ''));
    expect(new Set(others).size).toBe(others.length);
  });

  test('has noise of its own for each month, window, query, cell and tenant', () => {
    const empty = (cells: number, count: number) =>
      Array.from({ length: count }, (): Cells => [Array<bigint>(cells).fill(0n)]);
    const wide = orderPlan({ contribution: { windows: 31, rows: 10_000 } });
    const windows = [
      released(wide, 0, empty(1, 33)),
      released(wide, 1, empty(1, 33)),
      released(wide, 3, empty(3, 33)),
      released(wide, 0, empty(1, 33), { tenant: '1' }),
      released(wide, 0, empty(1, 33), { from: '2027-01-30' }),
    ].flatMap(({ values }) => values.flat().filter(({ span }) => span === 'window'));
    const seen = windows.map(({ value }) => Number(value));
    expect(seen).toHaveLength(33 * 7);
    expect(new Set(seen).size).toBeGreaterThan(33 * 7 - 3); // Of millions of numbers two may be the same.
  });

  test('is the same for ever', () => {
    const texts = released(plan, 0, ones(3)).values.map((values) =>
      values.map(({ span, value, draws }) => `${span} ${value} ${draws}`).join(', '),
    );
    expect(texts).toEqual([
      'window 1000 1, month 1020 30, total 1020 30',
      'window 1009 1, month 2029 31, total 2029 31',
      'window 1022 1, month 1022 1, total 3051 32',
    ]);
  });

  test('adds up: what is published of a month is its exact sum and the noise of its nodes', () => {
    const exact = released(plan, 0, ones(33)).values;
    const empty = released(
      plan,
      0,
      Array.from({ length: 33 }, (): Cells => [[0n]]),
    ).values;
    for (const span of ['window', 'month', 'total'] as const) {
      const noise = numbers(empty, span);
      const added = numbers(exact, span).map((value, n) => value - (noise[n] ?? 0));
      // Two days of January, 28 of February, three of March.
      const month = (n: number) => (n < 2 ? n + 1 : n < 30 ? n - 1 : n - 29);
      const wanted = { window: () => 1, month, total: (n: number) => n + 1 }[span];
      expect(added).toEqual(added.map((_, n) => 1_000 * wanted(n)));
    }
  });

  test('begins a month anew, and keeps in the total what was published of those before', () => {
    const { values } = released(plan, 0, ones(4));
    const [, second, third] = values;
    const find = (day: readonly Noisy[] | undefined, span: Noisy['span']) =>
      day?.find((value) => value.span === span);
    expect(find(third, 'month')).toMatchObject({ from: at('2026-02-01'), draws: 1 });
    expect(find(third, 'total')).toMatchObject({ from: at('2026-01-30'), draws: 32 });
    expect(Number(find(third, 'total')?.value)).toBe(
      Number(find(second, 'month')?.value) + Number(find(third, 'month')?.value),
    );
  });

  test('has every bucket, also where nothing came', () => {
    const [first] = released(plan, 3, [[[0n, 0n, 0n]]]).values;
    const window = first?.filter(({ span }) => span === 'window') ?? [];
    expect(window.map(({ bucket }) => bucket)).toEqual(['open', 'paid', 'other']);
    expect(new Set(window.map(({ value }) => value)).size).toBeGreaterThan(1); // Each has noise of its own.
  });

  test('of a mean is within its bounds, near it where there is enough, and nothing where there is not', () => {
    const [many] = released(plan, 2, [
      [[1_000_000n * (2n * 120_00n - 500_00n)], [1_000_000n]],
    ]).values;
    expect(Number(many?.[0]?.value)).toBeCloseTo(120, 0);
    expect(many?.[0]?.value).toMatch(/^\d+\.\d{4}$/);
    const [none] = released(plan, 2, [[[0n], [-1_000n]]]).values;
    expect(none?.[0]?.value).toBeNull();
    const [beyond] = released(plan, 2, [[[10n ** 12n], [1_000n]]]).values;
    expect(beyond?.[0]?.value).toBe('500.0000');
  });

  test('under Gaussian noise says its σ', () => {
    const one = orderPlan({
      mechanism: 'gaussian',
      contribution: { windows: 1, rows: 1 },
      queries: [{ name: 'orders', kind: 'count', column: null, share: 1 }],
    });
    const [first] = released(one, 0, [[[0n]]]).values;
    // Two levels, each of one row: the root of two times 4.530877.
    expect(first?.[0]).toMatchObject({ mechanism: 'gaussian', scale: '6.407627' });
  });
});

describe('what went in', () => {
  const digest = (days: readonly Cells[]) => released(plan, 0, days).running?.digest;

  test('has a digest that is another one if any window was another one', () => {
    const days = ones(4);
    expect(digest(days)).toBe(digest(days));
    const digests = days.map((_, n) => digest(days.with(n, [[1_001n]])));
    expect(new Set([...digests, digest(days)]).size).toBe(5);
  });

  test('is not taken again: a window that was released is a mistake of ours', () => {
    const { running } = released(plan, 0, ones(4));
    expect(() => released(plan, 0, ones(1), { from: '2026-02-01', before: running })).toThrow(
      'was released before',
    );
  });

  test('with windows missing is no sum that goes on: it begins anew, also with the next month', () => {
    const { running } = released(plan, 0, ones(3), { from: '2026-01-27' });
    for (const from of ['2026-01-31', '2026-02-01']) {
      const gap = released(plan, 0, ones(1), { from, before: running }).running;
      expect(gap).toMatchObject({ monthFrom: at(from), totalFrom: at(from), carriedDraws: 0 });
    }
  });

  test('of another promise, or after months without one, counts from there on', () => {
    const { running } = released(plan, 0, ones(2));
    const other = orderPlan({ epsilon: 2 });
    const later = released(other, 0, ones(1), { from: '2026-02-01', before: running });
    const gap = released(plan, 0, ones(1), { from: '2026-04-01', before: running });
    expect(later.running?.totalFrom).toBe(at('2026-02-01'));
    expect(gap.running?.totalFrom).toBe(at('2026-04-01'));
  });
});
