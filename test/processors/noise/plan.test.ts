import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { epsilons } from '../../../contracts/dp.ts';
import { budgetOf, type Plan, planOf } from '../../../processors/noise/plan.ts';
import { prefixOf } from '../../../processors/noise/tree.ts';
import { orderPlan, orders, queries } from './orders.ts';
import { crossing, gaussian, line, normal } from './statistics.ts';

const delta = 1e-6;
const billion = 1_000_000_000;

/** Balle and Wang (2018): the σ at which one Gaussian of sensitivity 1 is exactly (ε, δ). */
const analytic = (epsilon: number) =>
  crossing(
    (s) =>
      normal(1 / (2 * s) - epsilon * s) -
      Math.exp(epsilon) * normal(-1 / (2 * s) - epsilon * s) -
      delta,
    0.1,
    20,
  );

/** Canonne, Kamath and Steinke (2020), proposition 12: the least δ, over all orders, that ρ implies with ε. */
function deltaOf(rho: number, epsilon: number): number {
  let least = Infinity;
  for (let a = 1.001; a < 200; a += 0.001)
    least = Math.min(
      least,
      (a - 1) * (a * rho - epsilon) + a * Math.log1p(-1 / a) - Math.log(a - 1),
    );
  return Math.exp(least);
}

const sigmaOf = (epsilon: 1 | 2 | 4) =>
  Math.sqrt(billion / (2 * Number(budgetOf({ epsilon, mechanism: 'gaussian' }))));

/** The least δ of a discrete Gaussian on a count of 0 or 1, every outcome enumerated. */
function enumerated(sigma: number, epsilon: number): number {
  const reach = Math.ceil(38 * sigma);
  const p = gaussian(sigma ** 2, reach);
  return line(reach).reduce((sum, x) => {
    const [one, other] = [p[x + reach] ?? 0, p[x - 1 + reach] ?? 0];
    return sum + Math.max(0, one - Math.exp(epsilon) * other);
  }, 0);
}

describe('what a Gaussian costs at δ = 1e-6', () => {
  test.each([
    [1, 4.22468, 4.530877],
    [2, 2.23048, 2.381591],
    [4, 1.19352, 1.267825],
  ] as const)(
    'at ε = %i: σ = %f of one continuous Gaussian, and ours is %f',
    (epsilon, one, ours) => {
      expect(analytic(epsilon)).toBeCloseTo(one, 5);
      expect(sigmaOf(epsilon)).toBeCloseTo(ours, 5);
      expect(sigmaOf(epsilon)).toBeGreaterThan(analytic(epsilon));
    },
  );

  test.each(epsilons)(
    'at ε = %i the ρ that is spent implies it, and a greater one would not',
    (epsilon) => {
      const rho = Number(budgetOf({ epsilon, mechanism: 'gaussian' })) / billion;
      expect(deltaOf(rho, epsilon)).toBeLessThanOrEqual(delta);
      expect(deltaOf(rho * 1.000_001, epsilon)).toBeGreaterThan(delta);
    },
  );

  test.each(epsilons)(
    'at ε = %i a discrete Gaussian of our σ is within δ, outcome by outcome',
    (epsilon) => {
      expect(enumerated(sigmaOf(epsilon), epsilon)).toBeLessThan(delta / 4);
    },
  );

  test('a discrete Gaussian of the continuous σ is not within δ: that is why ours is greater', () => {
    expect(enumerated(4.22468, 1)).toBeCloseTo(1.01966e-6, 10);
    expect(enumerated(2.23048, 2)).toBeCloseTo(1.10002e-6, 10);
  });
});

/** Every way in which a subject may add to a month of a few windows, as far as its contribution is bounded. */
const months = fc.array(
  fc.record({ window: fc.integer({ min: 0, max: 30 }), part: fc.integer({ min: -2, max: 2 }) }),
  { maxLength: 2 },
);

/** The greatest log-ratio that any output of all queries together has, with and without this subject; in billionths of ε. */
function mostOf(
  { queries: planned, dp }: Plan,
  month: readonly { window: number; part: number }[],
) {
  let ratio = 0;
  for (const { channels, tree } of planned)
    for (const { channel, scale } of channels) {
      const nodes = new Map<string, number>();
      for (const { window, part } of month)
        for (let level = 0; level < tree.levels; level++) {
          const node = `${level}/${Math.floor(window / tree.arity ** level)}`;
          nodes.set(node, (nodes.get(node) ?? 0) + part * Number(channel.most));
        }
      for (const added of nodes.values())
        ratio += (Math.abs(added) * Number(scale.d)) / Number(scale.n);
    }
  return { ratio, epsilon: dp.epsilon };
}

describe('all queries of a dataset together', () => {
  test.each(
    epsilons.flatMap((epsilon) => [86_400, 3_600].map((window) => [epsilon, window] as const)),
  )(
    'no output tells more than e^%i of a subject that is there or not, in windows of %i s',
    (epsilon, window) => {
      const plan = orderPlan({ epsilon, window });
      fc.assert(
        fc.property(months, (month) => {
          expect(mostOf(plan, month).ratio).toBeLessThanOrEqual(epsilon * (1 + 1e-12));
        }),
      );
      const whole = [
        { window: 0, part: 2 },
        { window: 30, part: 2 },
      ];
      expect(mostOf(plan, whole).ratio).toBeGreaterThan(epsilon * 0.999_999); // The bound is met: no noise is for nothing.
    },
  );

  test('spend no more than the budget, whatever their shares', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...epsilons),
        fc.constantFrom('laplace' as const, 'gaussian' as const),
        fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 4, maxLength: 4 }),
        (epsilon, mechanism, parts) => {
          const sum = parts.reduce((all, part) => all + part, 0);
          const shared = queries.map((query, at) => ({ ...query, share: (parts[at] ?? 0) / sum }));
          const plan = orderPlan({ epsilon, mechanism, queries: shared });
          const cost = plan.queries.reduce((all, query) => all + query.cost, 0n);
          expect(cost).toBeLessThanOrEqual(plan.budget);
          expect(Number(cost)).toBeGreaterThan(Number(plan.budget) * 0.999_99);
        },
      ),
    );
  });

  test('with more than the whole between them are a mistake of ours', () => {
    const greedy = queries.map((query) => ({ ...query, share: 0.3 }));
    expect(() => orderPlan({ queries: greedy })).toThrow('cost more than their budget');
  });
});

test('a count of a subject that adds once a month has the scale of one row', () => {
  const plan = orderPlan({
    epsilon: 2,
    contribution: { windows: 1, rows: 1 },
    queries: [{ name: 'orders', kind: 'count', column: null, share: 1 }],
  });
  const [count] = plan.queries;
  expect(count?.channels[0]?.scale).toEqual({ n: 1_000_000_000n, d: 2_000_000_000n });
  expect(prefixOf(count?.tree ?? { arity: 0, levels: 0, digits: 'plain' }, 31)).toHaveLength(31);
});

test('under Gaussian noise a month costs the root of the squares that its nodes add up to', () => {
  const plan = orderPlan({
    mechanism: 'gaussian',
    contribution: { windows: 3, rows: 2 },
    queries: [{ name: 'orders', kind: 'count', column: null, share: 1 }],
  });
  const [{ tree, channels } = { tree: null, channels: [] }] = plan.queries;
  expect(tree?.levels).toBe(2);
  // A level of single windows: 3 · 2². One above: all six in one node.
  const { n, d } = channels[0]?.scale ?? { n: 0n, d: 1n };
  expect(Number(n) / Number(d)).toBeCloseTo((3 * 4 + 36) * sigmaOf(1) ** 2, 4);
});

describe('the revision of a query', () => {
  const revisions = (asked: Parameters<typeof orderPlan>[0]) =>
    orderPlan(asked).queries.map(({ revision }) => revision);

  test('is another one once anything is that decides what is counted or how it is noised', () => {
    const changed = [
      revisions({}),
      revisions({ epsilon: 2 }),
      revisions({ mechanism: 'gaussian' }),
      revisions({ window: 3_600 }),
      revisions({ contribution: { windows: 3, rows: 2 } }),
      revisions({ changes: 'inserts' }),
      revisions({ tenants: ['1'] }),
      revisions({ dataset: 'others' }),
    ].flat();
    expect(new Set(changed).size).toBe(changed.length);
  });

  test('is the same in whatever order a contract says it', () => {
    const turned = queries.map((each) => Object.fromEntries(Object.entries(each).toReversed()));
    expect(revisions({ queries: turned as unknown as typeof queries })).toEqual(revisions({}));
  });

  test('is the same when something is added to the others', () => {
    const more = [...queries, { name: 'more', kind: 'count' as const, column: null, share: 0 }];
    expect(() => orderPlan({ queries: more })).toThrow('query more has no part of the budget');
    expect(revisions({ queries: queries.slice(0, 3) })).toEqual(revisions({}).slice(0, 3));
  });
});

test('a table whose contract asks for nothing has no plan', () => {
  const { dp: _, ...contract } = orders();
  expect(planOf('shop', contract)).toBeNull();
});
