import fc from 'fast-check';
import { expect, test } from 'vitest';
import { unitCostsOf } from '../../../contracts/unit-costs.ts';
import { closeMonth, reopenMonth } from '../../../ops/costs/close-month.ts';
import { explainMonth } from '../../../ops/costs/explain-month.ts';
import type { Costs } from '../../../ops/costs/open-costs.ts';
import type { LedgerRow } from '../../../schemas/ledger-row.ts';
import { partsOfOne } from '../../../schemas/usage.ts';
import { costsOf, counted } from '../../meter/usage-model.ts';
import { ownCosts } from './own-costs.ts';

const months = ['2026-08', '2026-09', '2026-10'] as const;
const now = new Date('2026-11-28T00:00:00Z');
const close = { who: 'a test', now, early: false };

const event = fc.record({
  tenant: fc.constantFrom('a', 'b'),
  source: fc.constant('s'),
  id: fc.constantFrom('1', '2', '3', '4', '5', '6', '7', '8'),
  unit: fc.constantFrom('graphql_call', 'ingest_event', 'storage_gb_day'),
  quantity: fc.oneof(
    fc.bigInt(0n, 9n).map((n) => n * partsOfOne),
    fc.bigInt(0n, 10n ** 15n),
  ),
  at: fc
    .constantFrom(...months, '2026-11')
    .map((month) => Date.parse(`${month}-02T10:00:00Z`) * 1_000),
  operation: fc.constantFrom('', 'list'),
  dataset: fc.constant(''),
  region: fc.constant(''),
  corrects: fc.option(fc.constantFrom('1', '2', '3'), { freq: 3 }),
});

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ write: fc.integer({ min: 1, max: 8 }) }) },
  { weight: 2, arbitrary: fc.constant('close' as const) },
  { weight: 1, arbitrary: fc.constant('reopen' as const) },
);

test('a closed month is the same bytes for ever, whatever comes late, and what came late is in the next, to the nano-dollar', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { minLength: 15, maxLength: 30 }),
      fc.array(step, { minLength: 4, maxLength: 10 }),
      async (events, steps) => {
        await using own = await ownCosts();
        const { costs, ledger, units } = own;
        const rows = events.map((each, n): LedgerRow => {
          const corrects = each.corrects === each.id ? null : each.corrects;
          return { ...each, corrects, topic: 'usage', lane: 0, offset: BigInt(n) };
        });
        const written: LedgerRow[] = [];
        const closed: { month: string; bytes: Buffer }[] = [];
        for (const each of steps) {
          if (typeof each === 'object') {
            const some = rows.slice(written.length, written.length + each.write);
            if (some.length > 0) await ledger.write(some);
            written.push(...some);
            while ((await ledger.sumUp()) !== 'all is summed');
          } else if (each === 'reopen') {
            const last = closed.pop();
            if (last) await reopenMonth(costs, { month: last.month, who: 'a test' });
          } else {
            const month = months[closed.length];
            if (month !== undefined && (closed.length > 0 || isFirst(written, month)))
              closed.push(await closedNow(costs, month));
          }
          for (const { month, bytes } of closed)
            expect((await closeMonth(costs, { month, ...close })).bytes.equals(bytes)).toBe(true);
          const found = await own.select<{ of: string; q: string; nano: string }>(
            `SELECT concat(tenant, '/', formatDateTime(of_month, '%Y-%m'), '/', unit, '/', operation, '/', toString(priced_from)) AS of,
              toString(toInt256(sum(quantity) * toDecimal256(1000000000000, 0))) AS q, toString(sum(nano_usd)) AS nano
            FROM ${costs.place.database}.unit_costs GROUP BY of HAVING sum(quantity) != 0 OR sum(nano_usd) != 0 ORDER BY of`,
          );
          expect(found).toEqual(totals(written, units));
        }
      },
    ),
    { numRuns: 25 },
  );
}, 300_000);

async function closedNow(costs: Costs, month: string) {
  const { bytes, closing } = await closeMonth(costs, { month, ...close });
  expect(bytes.toString().trim().split('\n')).toHaveLength(closing.lines + 1);
  return { month, bytes };
}

/** The first that is closed is the first that was used. */
const isFirst = (rows: readonly LedgerRow[], month: string): boolean =>
  rows.length > 0 && counted(rows).every(({ at }) => new Date(at / 1_000).toISOString() >= month);

function totals(rows: readonly LedgerRow[], units: Parameters<typeof costsOf>[1]) {
  const all = new Map<string, { q: bigint; nano: bigint }>();
  for (const line of costsOf(counted(rows), units)) {
    const { tenant, month, unit, operation, priced_from, parts, nano_usd } = line;
    const of = [tenant, month.slice(0, 7), unit, operation, priced_from].join('/');
    const had = all.get(of) ?? { q: 0n, nano: 0n };
    all.set(of, { q: had.q + parts, nano: had.nano + nano_usd });
  }
  return [...all]
    .filter(([, { q, nano }]) => q !== 0n || nano !== 0n)
    .map(([of, { q, nano }]) => ({ of, q: `${q}`, nano: `${nano}` }))
    .toSorted((a, b) => (a.of < b.of ? -1 : 1));
}

const row = (n: number, over: Partial<LedgerRow>): LedgerRow => ({
  topic: 'usage',
  lane: 0,
  offset: BigInt(n),
  tenant: 'a',
  source: 's',
  id: `${n}`,
  unit: 'graphql_call',
  quantity: partsOfOne,
  at: Date.parse('2026-09-10T00:00:00Z') * 1_000,
  operation: '',
  dataset: '',
  region: '',
  corrects: null,
  ...over,
});

test('what all share is in a closed month, by use, to the last nano-dollar, and prices that change later change nothing of it', async () => {
  await using own = await ownCosts();
  const { costs, ledger } = own;
  await own.allocate({
    shared_overhead: {
      method: 'ratio',
      keys: ['graphql_calls', 'ingest_events'],
      costs: { '2026-09': 100 },
    },
    rent: { method: 'even', costs: { '2026-09': 1, '2026-10': 5 } },
    support: { method: 'fixed', amounts: { b: 7 } },
  });
  await ledger.write([
    row(0, { quantity: partsOfOne * 2n }),
    row(1, { tenant: 'b' }),
    row(2, { tenant: 'c', unit: 'storage_gb_day' }),
    row(3, { tenant: '' }),
  ]);
  await ledger.sumUp();
  const { bytes } = await closeMonth(costs, { ...close, month: '2026-09' });
  const shares = bytes
    .toString()
    .split('\n')
    .filter((line) => line.includes('"allocation"'));
  expect(
    shares
      .map((line) => line.replaceAll('"', '').split(','))
      .map((cells) => [cells[3], cells[4], cells[12]]),
  ).toEqual([
    ['a', 'rent', '333333334'],
    ['a', 'shared_overhead', '66666666667'],
    ['b', 'rent', '333333333'],
    ['b', 'shared_overhead', '33333333333'],
    ['b', 'support', '7000000000'],
    ['c', 'rent', '333333333'],
  ]);
  await ledger.publishPrices(unitCostsOf('unit_costs: { graphql_call: 1 }', 'later'));
  await own.allocate({});
  expect((await closeMonth(costs, { ...close, month: '2026-09' })).bytes.equals(bytes)).toBe(true);
  expect(
    await own.select(
      `SELECT count() AS n FROM ${costs.place.database}.unit_costs WHERE kind = 'correction'`,
    ),
  ).toEqual([{ n: 0 }]);
});

test.for([
  ['2026-11', false, 'is not over'],
  ['2026-10', false, 'is in its grace'],
  ['2026-10', true, '2026-09 is open, which comes before 2026-10'],
  ['2026-08', false, null],
] as const)('closing %s, early %s, is told: %s', async ([month, early, says]) => {
  await using own = await ownCosts();
  await own.ledger.write([row(0, {})]);
  await own.ledger.sumUp();
  const closing = closeMonth(own.costs, {
    who: 'a test',
    early,
    month,
    now: new Date('2026-11-02T00:00:00Z'),
  });
  if (says === null) expect((await closing).closing.lines).toBe(0);
  else await expect(closing).rejects.toThrow(says);
});

test('a month is not closed over what is not summed yet, nor over a share that nobody can bear, and lines that were changed by hand are told', async () => {
  await using own = await ownCosts();
  await own.ledger.write([row(0, {})]);
  const closing = () => closeMonth(own.costs, { ...close, month: '2026-09' });
  await expect(closing()).rejects.toThrow('1 places of the ledger are not summed yet');
  await own.ledger.sumUp();
  await own.allocate({
    shared: { method: 'ratio', keys: ['ingest_event'], costs: { '2026-09': 1 } },
  });
  await expect(closing()).rejects.toThrow('nobody can be given a share of shared');
  await own.allocate({});
  await closing();
  const { database } = own.costs.place;
  await own.costs.run(`INSERT INTO ${database}.cost_lines (month, number, kind, tenant, nano_usd)
    SELECT month, number, 'usage', 'x', 1 FROM ${database}.cost_closings`);
  await expect(closing()).rejects.toThrow('are not those that it was closed with');
  await expect(reopenMonth(own.costs, { month: '2026-08', who: 'a test' })).rejects.toThrow(
    '2026-09',
  );
});

test('why a month costs more than the one before adds up to the nano-dollar, with what is shared and what was corrected', async () => {
  await using own = await ownCosts();
  const { costs, ledger } = own;
  const at = (month: string) => Date.parse(`${month}-05T00:00:00Z`) * 1_000;
  await own.allocate({ rent: { method: 'even', costs: { '2026-09': 2, '2026-10': 3 } } });
  await ledger.write([
    row(0, { quantity: partsOfOne * 7n, operation: 'list' }),
    row(1, { quantity: partsOfOne * 4n, unit: 'ingest_event', operation: 'insert' }),
    row(2, { quantity: partsOfOne * 9n, operation: 'list', at: at('2026-10') }),
    row(3, { quantity: partsOfOne * 5n, operation: 'get', at: at('2026-10') }),
    row(4, {
      quantity: partsOfOne * 8n,
      unit: 'ingest_event',
      operation: 'insert',
      at: at('2026-10'),
    }),
  ]);
  await ledger.sumUp();
  await closeMonth(costs, { ...close, month: '2026-09' });
  await ledger.write([row(5, { operation: 'late' })]);
  await ledger.sumUp();
  await closeMonth(costs, { ...close, month: '2026-10' });
  const moved = await explainMonth(costs, { from: '2026-09', month: '2026-10', tenant: 'a' });
  expect(
    moved.toSorted((a, b) => (`${a.unit}${a.operation}` < `${b.unit}${b.operation}` ? -1 : 1)),
  ).toEqual([
    {
      unit: 'corrections of graphql_call',
      operation: '',
      dataset: '',
      before: 0n,
      after: 2_000n,
      volume: 0n,
      price: 0n,
      mix: 0n,
      allocation: 2_000n,
    },
    {
      unit: 'graphql_call',
      operation: 'get',
      dataset: '',
      before: 0n,
      after: 10_000n,
      volume: 0n,
      price: 0n,
      mix: 10_000n,
      allocation: 0n,
    },
    {
      unit: 'graphql_call',
      operation: 'list',
      dataset: '',
      before: 14_000n,
      after: 18_000n,
      volume: 14_000n,
      price: 0n,
      mix: -10_000n,
      allocation: 0n,
    },
    {
      unit: 'ingest_event',
      operation: 'insert',
      dataset: '',
      before: 400_000n,
      after: 1_710_000n,
      volume: 400_000n,
      price: 910_000n,
      mix: 0n,
      allocation: 0n,
    },
    {
      unit: 'rent',
      operation: '',
      dataset: '',
      before: 2_000_000_000n,
      after: 3_000_000_000n,
      volume: 0n,
      price: 0n,
      mix: 0n,
      allocation: 1_000_000_000n,
    },
  ]);
});
