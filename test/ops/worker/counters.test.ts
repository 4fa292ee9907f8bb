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
