import fc from 'fast-check';
import { expect, test } from 'vitest';
import { firstGap, withBlocks } from '../../../pipelines/backfill/blocks.ts';
import type { Blocks } from '../../../pipelines/backfill/runs.ts';

const blocks: fc.Arbitrary<Blocks> = fc
  .tuple(fc.nat(40), fc.integer({ min: 1, max: 12 }))
  .map(([from, length]) => [from, from + length]);

/** Every single block of some ranges. */
const each = (ranges: readonly Blocks[]): ReadonlySet<number> =>
  new Set(ranges.flatMap(([from, to]) => Array.from({ length: to - from }, (_, n) => from + n)));

test('ranges that are joined are the same blocks, in order, and no two of them touch', () => {
  fc.assert(
    fc.property(fc.array(blocks), (added) => {
      const joined = added.reduce<readonly Blocks[]>(withBlocks, []);
      expect(each(joined)).toEqual(each(added));
      for (const [index, [from, to]] of joined.entries()) {
        expect(from).toBeLessThan(to);
        if (index > 0) expect(from).toBeGreaterThan(joined[index - 1]![1]);
      }
    }),
  );
});

test('a gap is the first that nobody has, no longer than asked for, and never past the end', () => {
  fc.assert(
    fc.property(
      fc.array(blocks),
      fc.nat(60),
      fc.integer({ min: 1, max: 20 }),
      (taken, end, size) => {
        const sorted = taken.toSorted((a, b) => a[0] - b[0]);
        const free = Array.from({ length: end }, (_, n) => n).filter((n) => !each(taken).has(n));
        const gap = firstGap(sorted, end, size);
        expect(gap === null).toBe(free.length === 0);
        if (!gap) return;
        expect(gap[0]).toBe(free[0]);
        expect([...each([gap])].every((block) => free.includes(block))).toBe(true);
        const isLast = !free.includes(gap[1]);
        expect(gap[1] - gap[0] === size || (isLast && gap[1] - gap[0] < size)).toBe(true);
      },
    ),
    { numRuns: 500 },
  );
});

test('who takes gap after gap has every block once', () => {
  fc.assert(
    fc.property(fc.nat(200), fc.integer({ min: 1, max: 30 }), (end, size) => {
      let done: readonly Blocks[] = [];
      let count = 0;
      for (let gap = firstGap(done, end, size); gap; gap = firstGap(done, end, size)) {
        done = withBlocks(done, gap);
        count += gap[1] - gap[0];
      }
      expect([count, done]).toEqual([end, end === 0 ? [] : [[0, end]]]);
    }),
  );
});
