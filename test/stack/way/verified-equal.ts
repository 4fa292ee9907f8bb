import { expect } from 'vitest';
import type { Verified } from '../../../pipelines/delivered/verified.ts';
import type { Way } from './way.ts';

interface Judged {
  readonly configFile?: string; // Another than the way's.
  readonly sink?: string; // This one only.
}

/** Has `conductor verify delivery` judge what rests of all tables, and holds it to be equal. */
export async function verifiedEqual(
  way: Way,
  { configFile = way.configFile, sink }: Judged = {},
): Promise<void> {
  const args = ['verify', 'delivery', '--json', ...(sink === undefined ? [] : ['--sink', sink])];
  const { code, stdout, stderr } = await way.start(args, configFile).ended;
  expect(stdout, stderr).toMatch(/^\{/);
  const { equal, tables } = JSON.parse(stdout) as {
    readonly equal: boolean;
    readonly tables: readonly Verified[];
  };
  expect(tables.filter((each) => !each.equal)).toEqual([]);
  expect(tables.filter(({ partial, unsettled }) => partial || unsettled > 0)).toEqual([]);
  expect(tables.length).toBeGreaterThan(0);
  expect({ equal, code }).toEqual({ equal: true, code: 0 });
}
