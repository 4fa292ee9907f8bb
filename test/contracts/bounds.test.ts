import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Bound, boundsIn, boundText, holds, isAsStrict } from '../../contracts/bounds.ts';

const simple = [
  'mustBe',
  'mustNotBe',
  'mustBeGreaterThan',
  'mustBeGreaterOrEqualTo',
  'mustBeLessThan',
  'mustBeLessOrEqualTo',
] as const;
const small = fc.integer({ min: -4, max: 4 });
const bounds: fc.Arbitrary<Bound> = fc.oneof(
  fc.record({ operator: fc.constantFrom(...simple), value: small }),
  fc
    .record({
      operator: fc.constantFrom('mustBeBetween', 'mustNotBeBetween'),
      from: small,
      to: small,
    })
    .filter(({ from, to }) => from < to) as fc.Arbitrary<Bound>,
);

test.each<
  [promised: Parameters<typeof boundsIn>[0], right: number[], wrong: number[], text: string]
>([
  [{ mustBe: 0 }, [0], [-1, 1], '= 0'],
  [{ mustNotBe: 0 }, [-1, 1], [0], '≠ 0'],
  [{ mustBeGreaterThan: 2 }, [3], [2, 1], '> 2'],
  [{ mustBeGreaterOrEqualTo: 2 }, [2, 3], [1.9], '≥ 2'],
  [{ mustBeLessThan: 2 }, [1.9], [2, 3], '< 2'],
  [{ mustBeLessOrEqualTo: 2 }, [2], [2.1], '≤ 2'],
  [{ mustBeBetween: [1, 3] }, [1, 2, 3], [0.9, 3.1], 'between 1 and 3'],
  [{ mustNotBeBetween: [1, 3] }, [0.9, 3.1], [1, 2, 3], 'not between 1 and 3'],
])('%j holds for what it says, and for nothing else', (promised, right, wrong, text) => {
  const [bound] = boundsIn(promised);
  expect(right.filter((each) => !holds(bound!, each))).toEqual([]);
  expect(wrong.filter((each) => holds(bound!, each))).toEqual([]);
  expect(boundText(bound!)).toBe(text);
});

test('every bound that is written is found', () => {
  expect(boundsIn({ mustBe: 1, mustBeBetween: [1, 2] })).toHaveLength(2);
  expect(boundsIn({})).toEqual([]);
});

test('a bound is as strict as another where no measure tells them apart to its disadvantage', () => {
  const measures = Array.from({ length: 81 }, (_, at) => -10 + at / 4);
  fc.assert(
    fc.property(bounds, bounds, (bound, other) => {
      const counterexample = measures.some((each) => holds(bound, each) && !holds(other, each));
      expect(isAsStrict(bound, other)).toBe(!counterexample);
    }),
    { numRuns: 2_000 },
  );
});
