import { expect, test } from 'vitest';
import { isWrong } from '../../../ops/worker/comparisons.ts';

const equal = {
  table: 'public.orders',
  equal: true,
  source: { rows: 2, checksum: '2' },
  topic: { rows: 2, checksum: '2' },
  partial: false,
  filtered: false,
  missing: 0,
  extra: 0,
  different: 0,
  withheld: 0,
  examples: [],
};

test.for([
  ['nothing', {}, false],
  ['a row that is missing', { missing: 1 }, true],
  ['a row that is otherwise', { different: 1 }, true],
  ['a row that is extra', { extra: 1 }, true],
  [
    'a row that is extra behind a row filter, for another capture may have it',
    { extra: 1, filtered: true },
    false,
  ],
  ['a row that is missing behind a row filter', { missing: 1, extra: 1, filtered: true }, true],
] as const)('of %s a worker warns, or does not', ([, found, warned]) => {
  expect(isWrong({ ...equal, ...found })).toBe(warned);
});
