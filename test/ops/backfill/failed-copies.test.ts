import { expect, test } from 'vitest';
import { failedCopies } from '../../../ops/backfill/failed-copies.ts';
import type { Run, RunStatus } from '../../../pipelines/backfill/runs.ts';

const run = (id: number, status: RunStatus, condition: string | null = null): Run => ({
  id,
  table: 'public.orders',
  condition,
  status,
  base: null,
  parts: [],
  rows: 0,
  message: null,
  compared: null,
  replaces: null,
  start: null,
});

test.for<readonly [string, readonly Run[], readonly number[]]>([
  ['that nobody has resumed', [run(1, 'done'), run(2, 'failed')], [2]],
  ['that a whole copy makes up for', [run(1, 'failed', 'n = 1'), run(2, 'done')], []],
  [
    'that the same rows, copied again, make up for',
    [run(1, 'failed', 'n'), run(2, 'done', 'n')],
    [],
  ],
  ['that is followed by a copy of other rows', [run(1, 'failed'), run(2, 'done', 'n = 1')], [1]],
  ['that is followed by one which was given up', [run(1, 'failed'), run(2, 'cancelled')], [1]],
  ['that was given up', [run(1, 'cancelled')], []],
  [
    'of a table beside another that was copied',
    [run(1, 'failed'), { ...run(2, 'done'), table: 'public.lines' }],
    [1],
  ],
])('a failed copy %s is missed, or not', ([, all, missed]) => {
  expect(failedCopies(all).map(({ id }) => id)).toEqual(missed);
});
