import { expect, test } from 'vitest';
import type { Rule } from '../../../contracts/contract.ts';
import { hiddenColumns, narrowedColumns } from '../../../contracts/policy/narrowed-columns.ts';
import { people } from '../../pipelines/anonymity/people.ts';
import { plansOf } from '../../processors/plans.ts';

const table = people();
const names = ['country', 'age', 'mood'];

function narrowed(rules: Readonly<Record<string, Rule>>, tenant: string | null = null) {
  const decide = (column: string, whose: string | null): Rule =>
    (tenant === null || whose === tenant ? rules[column] : undefined) ?? 'keep';
  const plans = plansOf(table, decide, tenant === null ? [] : [tenant]);
  return {
    narrowed: narrowedColumns(table, names, plans),
    hidden: hiddenColumns(table, names, plans),
  };
}

test('a column that is told, and that a policy hides, is named, also if it is so for one tenant alone', () => {
  expect(narrowed({})).toEqual({ narrowed: [], hidden: [] });
  for (const rule of ['tokenise', 'mask', 'seal', 'drop'] as const)
    for (const tenant of [null, '7'])
      expect(narrowed({ mood: rule }, tenant)).toEqual({ narrowed: ['mood'], hidden: ['mood'] });
});

test('one that a policy generalises is not hidden, and is told less finely', () => {
  expect(narrowed({ country: 'generalise' })).toEqual({ narrowed: ['country'], hidden: [] });
});

test('what nobody tells, or its contract hides already, is of no account', () => {
  expect(narrowed({ owner: 'mask', age: 'drop' })).toEqual({ narrowed: [], hidden: [] });
});
