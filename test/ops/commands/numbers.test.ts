import { expect, test } from 'vitest';
import { percent } from '../../../ops/commands/numbers.ts';

test.for(['95%', '', ' ', 'NaN', '-1', '101', '1e2', '0x5'])(
  '%j is no share of a hundred',
  (text) => {
    expect(() => percent(text)).toThrow('from 0 to 100');
  },
);

test.for([
  ['0', 0],
  ['95', 95],
  ['99.5', 99.5],
  ['100', 100],
] as const)('%s is one', ([text, share]) => {
  expect(percent(text)).toBe(share);
});
