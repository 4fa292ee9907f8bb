import { expect, test } from 'vitest';
import { closeMonth, reopenMonth } from '../../../ops/costs/close-month.ts';
import { closings } from '../../../ops/costs/closings.ts';
import { ownCosts } from './own-costs.ts';

const now = new Date('2026-11-28T00:00:00Z');

test('a month that was closed and opened again many times is as it was left last', async () => {
  await using own = await ownCosts();
  const month = '2026-09';
  for (let turn = 0; turn < 6; turn++) {
    const { closing, isNew } = await closeMonth(own.costs, {
      month,
      who: 'a test',
      now,
      early: false,
    });
    expect([closing.number, isNew]).toEqual([turn * 2 + 1, true]);
    if (turn < 5) await reopenMonth(own.costs, { month, who: 'a test' });
  }
  expect(await closings(own.costs)).toMatchObject([{ month, number: 11, state: 'closed' }]);
});
