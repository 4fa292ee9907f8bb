import { expect, test } from 'vitest';
import { Metrics } from '../../../ops/worker/counters.ts';

const limited = {
  status: 'reserved',
  retainedBytes: 800,
  budgetBytes: 1_000,
  usedRatio: 0.8,
  secondsLeft: 30,
};
const unlimited = { ...limited, budgetBytes: null, usedRatio: 0, secondsLeft: Infinity };

const gauges = async (metrics: Metrics) =>
  (await metrics.text()).split('\n').filter((line) => line.startsWith('conductor_wal_'));

test('a budget is told as its five gauges', async () => {
  const metrics = new Metrics();
  metrics.of('capture').walBudget(limited);
  expect(await gauges(metrics)).toEqual([
    'conductor_wal_retained_bytes{pipeline="capture"} 800',
    'conductor_wal_budget_bytes{pipeline="capture"} 1000',
    'conductor_wal_budget_used_ratio{pipeline="capture"} 0.8',
    'conductor_wal_budget_seconds_left{pipeline="capture"} 30',
    'conductor_wal_budget_warning{pipeline="capture"} 1',
  ]);
});

test('the warning is over once the budget is', async () => {
  const metrics = new Metrics();
  const counters = metrics.of('capture');
  counters.walBudget(limited);
  counters.walBudget({ ...limited, usedRatio: 0.79 });
  expect(await gauges(metrics)).toContain('conductor_wal_budget_warning{pipeline="capture"} 0');
  counters.walBudget({ ...unlimited, status: 'lost' });
  expect(await gauges(metrics)).toContain('conductor_wal_budget_warning{pipeline="capture"} 1');
});

test('a budget that is not being used up has time without end', async () => {
  const metrics = new Metrics();
  metrics.of('capture').walBudget({ ...limited, secondsLeft: Infinity });
  expect(await gauges(metrics)).toContain(
    'conductor_wal_budget_seconds_left{pipeline="capture"} +Inf',
  );
});

test('where only the disk is a limit there is no budget to tell, not even that of before', async () => {
  const metrics = new Metrics();
  const counters = metrics.of('capture');
  counters.walBudget(limited);
  counters.walBudget(unlimited);
  expect(await gauges(metrics)).toEqual([
    'conductor_wal_retained_bytes{pipeline="capture"} 800',
    'conductor_wal_budget_warning{pipeline="capture"} 0',
  ]);
});

test('of a dataset is told how many people are behind its smallest combination, and what was lost and kept back', async () => {
  const metrics = new Metrics();
  const counters = metrics.of('anonymise');
  const figures = {
    dataset: 'shop',
    k: 5,
    closedMicros: 60_000_000,
    rows: 10,
    released: 4,
    retracted: 1,
    suppressed: new Map([['outside', 2] as const]),
    waiting: 3,
    loss: 1.5,
    delayWindows: 6,
    regions: 2,
    smallest: 7,
  };
  counters.anonymised(figures);
  counters.anonymised(figures);
  const told = (await metrics.text())
    .split('\n')
    .filter((line) => line.startsWith('conductor_anon_'));
  expect(told).toEqual([
    'conductor_anon_rows_total{dataset="shop",what="seen"} 20',
    'conductor_anon_rows_total{dataset="shop",what="released"} 8',
    'conductor_anon_rows_total{dataset="shop",what="retracted"} 2',
    'conductor_anon_suppressed_total{dataset="shop",reason="outside"} 4',
    'conductor_anon_loss_total{dataset="shop"} 3',
    'conductor_anon_delay_windows_total{dataset="shop"} 12',
    'conductor_anon_waiting_rows{dataset="shop"} 3',
    'conductor_anon_regions{dataset="shop"} 2',
    'conductor_anon_smallest_region{dataset="shop"} 7',
    'conductor_anon_closed_timestamp_seconds{dataset="shop"} 60',
    'conductor_anon_k{dataset="shop"} 5',
  ]);
  counters.anonymised({ ...figures, regions: 0, smallest: null });
  expect(await metrics.text()).not.toContain('conductor_anon_smallest_region{');
});

test('of datasets with noise is told what they may lose of a subject, in workers that have any', async () => {
  const metrics = new Metrics();
  const counters = metrics.of('noise');
  expect(await metrics.text()).not.toContain('conductor_dp_');
  counters.noise().epsilon.set({ dataset: 'orders' }, 2);
  counters.noise().withheld.inc({ dataset: 'orders', reason: 'budget' });
  const lines = (await metrics.text())
    .split('\n')
    .filter((line) => line.startsWith('conductor_dp_'));
  expect(lines).toEqual([
    'conductor_dp_epsilon{dataset="orders"} 2',
    'conductor_dp_withheld_total{dataset="orders",reason="budget"} 1',
  ]);
});

test('a table that is to be verified is told from the beginning on, and what it was told since stays', async () => {
  const metrics = new Metrics();
  const counters = metrics.of('verify');
  const told = async () =>
    (await metrics.text())
      .split('\n')
      .filter((line) => line.startsWith('conductor_delivery_verified_timestamp_seconds{'));
  counters.delivering('postgres', 'a.b');
  expect(await told()).toEqual([
    'conductor_delivery_verified_timestamp_seconds{sink="postgres",table="a.b"} 0',
  ]);
  counters.delivered({
    sink: 'postgres',
    table: 'a.b',
    equal: true,
    rows: 1,
    applied: ['1'],
    partial: false,
    counts: {},
    differences: [],
    unsettled: 0,
    uncompared: [],
    seconds: 1,
  });
  counters.delivering('postgres', 'a.b');
  expect(await told()).toEqual([expect.stringMatching(/"} 1\d{9}/)]);
});
