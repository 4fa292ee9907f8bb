import { expect, test } from 'vitest';
import { testTables } from '../way/tables.ts';
import { openWay } from '../way/way.ts';

test.each([
  ['anonymise', 'no contract asks for k-anonymous rows'],
  ['noise', 'no contract asks for noisy aggregates'],
])('%s does not run where nobody asks for it, and says what to write', async (pipeline, what) => {
  await using way = await openWay(testTables.filter(({ name }) => name === 'people'));
  const { code, stderr } = await way.start(['run', pipeline]).ended;
  expect(code, stderr).toBe(1);
  expect(stderr).toContain(what);
  expect(stderr).toMatch(/fix: +add to a table with a subject, for example/);
});
