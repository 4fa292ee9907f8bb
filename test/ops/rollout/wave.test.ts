import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RolloutState } from '../../../ops/rollout/rollout.ts';
import { movesOf, tenantsOf } from '../../../ops/rollout/wave.ts';

const tenants = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { maxLength: 60 });
const salt = fc.string({ maxLength: 8 });

test('a wave reaches as many as it says, and one tenant less would be too few', () => {
  fc.assert(
    fc.property(tenants, salt, fc.constantFrom(70, 90, 100), (all, by, percent) => {
      const { length } = tenantsOf(all, { percent, salt: by });
      expect(length * 100).toBeGreaterThanOrEqual(all.length * percent);
      expect((length - 1) * 100).toBeLessThan(Math.max(all.length * percent, 1));
    }),
  );
});

test('a wave is the same whoever asks, in whatever order, and a later one holds it', () => {
  fc.assert(
    fc.property(tenants, salt, (all, by) => {
      const [first, second, last] = [70, 90, 100].map((percent) =>
        tenantsOf(all, { percent, salt: by }),
      );
      expect(tenantsOf(all.toReversed(), { percent: 70, salt: by })).toEqual(first);
      expect(second!.slice(0, first!.length)).toEqual(first);
      expect(new Set(last)).toEqual(new Set(all));
    }),
  );
});

test('another salt, another order', () => {
  const all = Array.from({ length: 50 }, (_, n) => `${n}`);
  const of = (by: string) => tenantsOf(all, { percent: 70, salt: by });
  expect(of('a')).not.toEqual(of('b'));
});

test('a wave moves nobody back, and nobody twice', () => {
  const states = new Map<string, RolloutState>([
    ['a', 'on'],
    ['b', 'shadow'],
    ['c', 'off'],
  ]);
  expect(movesOf(['a', 'b', 'c', 'd'], states, 'shadow')).toEqual(['c', 'd']);
  expect(movesOf(['a', 'b', 'c', 'd'], states, 'on')).toEqual(['b', 'c', 'd']);
});
