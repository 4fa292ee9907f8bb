import { expect, test } from 'vitest';
import { BudgetMeter } from '../../../pipelines/wal/wal-budget.ts';

const sample = (atMs: number, retained: number, safe: number | null) => ({
  atMs,
  status: 'reserved',
  retained,
  safe,
});

test('a slot without a limit has no budget, and nothing of it is used', () => {
  expect(new BudgetMeter().take(sample(0, 500, null))).toEqual({
    status: 'reserved',
    retainedBytes: 500,
    budgetBytes: null,
    usedRatio: 0,
    secondsLeft: Infinity,
  });
});

test('a budget is what is kept and what may still be kept', () => {
  expect(new BudgetMeter().take(sample(0, 800, 200))).toMatchObject({
    budgetBytes: 1_000,
    usedRatio: 0.8,
    secondsLeft: Infinity, // One look tells no rate.
  });
});

test('the time left is what may still be kept at the rate of the last minute', () => {
  const meter = new BudgetMeter();
  meter.take(sample(0, 0, 10_000)); // Longer ago than a minute: it does not count.
  meter.take(sample(60_000, 1_000, 9_000));
  expect(meter.take(sample(70_000, 2_000, 8_000)).secondsLeft).toBe(80);
  expect(meter.take(sample(90_000, 4_000, 6_000)).secondsLeft).toBe(60);
});

test('a slot that keeps up has time without end', () => {
  const meter = new BudgetMeter();
  meter.take(sample(0, 5_000, 5_000));
  expect(meter.take(sample(5_000, 100, 9_900)).secondsLeft).toBe(Infinity);
});

test('a budget that is overdrawn has no time left, and is more than used', () => {
  const found = new BudgetMeter().take(sample(0, 1_200, -200));
  expect(found).toMatchObject({ usedRatio: 1.2, secondsLeft: 0 });
});
