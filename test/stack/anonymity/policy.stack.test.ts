import { expect, test } from 'vitest';
import { keep } from '../way/tables.ts';
import { openWay } from '../way/way.ts';
import { visits } from './visits.ts';

const { anon, ...told } = visits();
const hidden = {
  ...told,
  columns: [
    ...told.columns.filter(({ name }) => name !== 'mood' && name !== 'version'),
    keep('mood', 'text', { sensitivity: 'high' }), // Kept by the contract, and not by the policy.
    keep('version', 'bigint', { sensitivity: 'high' }),
  ],
};

const dp = {
  epsilon: 1,
  tenants: 'together',
  window: 86_400,
  contribution: { windows: 1, rows: 1 },
  queries: [{ name: 'versions', kind: 'sum', column: 'version', bounds: [0, 9] }],
};

test.each([
  ['anonymise', { ...hidden, anon: anon ?? {} }, 'visits.mood'],
  ['noise', { ...hidden, dp }, 'visits.version'],
])('%s does not start where the policy hides what it tells', async (pipeline, table, column) => {
  await using way = await openWay([table]);
  const file = await way.variant((config) => void (config['govern'] = { roles: ['analyst'] }));
  const { code, stderr } = await way.start(['run', pipeline, '--until-current'], file).ended;
  expect(code).not.toBe(0);
  expect(stderr).toContain(column);
  expect(stderr).toContain('is stricter with');
});
