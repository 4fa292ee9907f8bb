import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { prefixOf, type Tree, treeFor } from '../../../processors/noise/tree.ts';

const shapes = fc
  .record({
    levels: fc.integer({ min: 1, max: 4 }),
    half: fc.integer({ min: 1, max: 9 }),
    digits: fc.constantFrom('signed' as const, 'plain' as const),
  })
  .map(({ levels, half, digits }): Tree => ({ levels, arity: 2 * half + 1, digits }));

const most = ({ levels, arity, digits }: Tree) =>
  Math.min((arity ** levels - 1) / (digits === 'signed' ? 2 : 1), 2_000);

/** What the nodes of a prefix add up to, of windows with these contents; what is later is nothing. */
const summed = (tree: Tree, windows: readonly number[], prefix: number): number =>
  prefixOf(tree, prefix)
    .map(({ level, index, sign }) => {
      const width = tree.arity ** level;
      const covered = windows.slice(index * width, (index + 1) * width);
      return sign * covered.reduce((sum, each) => sum + each, 0);
    })
    .reduce((sum, each) => sum + each, 0);

test('without noise the nodes of a prefix add up to what is in it', () => {
  fc.assert(
    fc.property(
      shapes.chain((tree) =>
        fc.tuple(
          fc.constant(tree),
          fc.integer({ min: 0, max: most(tree) }),
          fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 2_100, maxLength: 2_100 }),
        ),
      ),
      ([tree, prefix, windows]) => {
        const wanted = windows.slice(0, prefix).reduce((sum, each) => sum + each, 0);
        expect(summed(tree, windows, prefix)).toBe(wanted);
      },
    ),
    { numRuns: 300 },
  );
});

test('a prefix uses no node twice, at most half the arity of each level, and of plain digits none that is not over', () => {
  fc.assert(
    fc.property(
      shapes.chain((tree) => fc.tuple(fc.constant(tree), fc.integer({ min: 1, max: most(tree) }))),
      ([tree, prefix]) => {
        const terms = prefixOf(tree, prefix);
        const names = terms.map(({ level, index }) => `${level}/${index}`);
        expect(new Set(names).size).toBe(names.length);
        for (const { level, index, sign } of terms) {
          expect(level).toBeLessThan(tree.levels);
          expect(index).toBeGreaterThanOrEqual(0);
          if (tree.digits === 'plain') {
            expect((index + 1) * tree.arity ** level).toBeLessThanOrEqual(prefix);
            expect(sign).toBe(1);
          }
        }
        const bound = tree.digits === 'signed' ? (tree.arity - 1) / 2 : tree.arity - 1;
        for (let level = 0; level < tree.levels; level++)
          expect(terms.filter((term) => term.level === level).length).toBeLessThanOrEqual(bound);
      },
    ),
  );
});

test('a prefix beyond the tree is a mistake of ours', () => {
  expect(() => prefixOf({ levels: 2, arity: 3, digits: 'signed' }, 5)).toThrow(RangeError);
  expect(() => prefixOf({ levels: 2, arity: 3, digits: 'plain' }, 9)).toThrow(RangeError);
});

describe('the tree of a month', () => {
  test.each([
    [31, 'laplace', { levels: 1, arity: 63 }],
    [744, 'laplace', { levels: 2, arity: 39 }],
    [2_976, 'laplace', { levels: 3, arity: 19 }],
    [31, 'gaussian', { levels: 2, arity: 6 }],
    [744, 'gaussian', { levels: 4, arity: 6 }],
  ] as const)('of %i windows under %s noise', (windows, mechanism, wanted) => {
    const tree = treeFor(windows, mechanism);
    expect(tree).toMatchObject(wanted);
    expect(tree.digits).toBe(mechanism === 'laplace' ? 'signed' : 'plain');
    expect(() => prefixOf(tree, windows)).not.toThrow();
  });

  test('of hours has running sums with a quarter of the variance that windows alone would give', () => {
    const variance = (tree: Tree) => {
      let nodes = 0;
      for (let prefix = 1; prefix <= 744; prefix++) nodes += prefixOf(tree, prefix).length;
      return (nodes / 744) * tree.levels ** 2;
    };
    const alone = variance({ levels: 1, arity: 1_489, digits: 'signed' });
    expect(variance(treeFor(744, 'laplace')) / alone).toBeLessThan(0.25);
  });
});
