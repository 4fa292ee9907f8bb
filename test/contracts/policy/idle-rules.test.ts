import { expect, test } from 'vitest';
import { idleRules } from '../../../contracts/policy/idle-rules.ts';
import { policyData } from '../../../contracts/policy/rules.ts';
import { users } from '../../processors/tables.ts';

const contracts = new Map([[users.table, users]]);
const ruled = (when: object) => ({ name: 'r', level: 'tenant', when, action: 'drop' });
const dataOf = (when: object, grants: readonly object[] = []) =>
  policyData.parse({ purposes: ['operations'], roles: [], rules: [ruled(when)], grants });

test.for([
  ['a table without its schema', { datasets: ['users'] }, ['the dataset users']],
  [
    'a column of another table',
    { datasets: ['public.users'], columns: ['mail', 'email'] },
    ['the column mail'],
  ],
  ['a column that no table has', { columns: ['mail'] }, ['the column mail']],
  ['tables and columns that are there', { datasets: ['public.users'], columns: ['email'] }, []],
] as const)('a rule that names %s', ([, when, says]) => {
  const found = idleRules(dataOf(when), contracts);
  expect(found.map(({ rule }) => rule)).toEqual(says.map(() => 'r'));
  for (const [at, words] of says.entries()) expect(found[at]?.says).toContain(words);
});

test('so does a grant that names a table', () => {
  const grant = {
    name: 'g',
    level: 'dataset',
    when: { datasets: ['users'] },
    actions: ['data.read'],
    effect: 'allow',
  };
  expect(idleRules(dataOf({}, [grant]), contracts)).toMatchObject([{ rule: 'g' }]);
});

test.for(['classifications', 'sensitivities', 'columns', 'datasets', 'roles'])(
  'a rule with an empty list of %s is refused: it would never speak',
  (list) => {
    expect(() => dataOf({ [list]: [] })).toThrow(list);
  },
);
