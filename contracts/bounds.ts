import { z } from 'zod';

/** What a measure must be to be right, as the standard writes it: one operator and its numbers. */
export type Bound =
  | { readonly operator: SimpleOperator; readonly value: number }
  | { readonly operator: RangeOperator; readonly from: number; readonly to: number };

type SimpleOperator = keyof typeof simple;
type RangeOperator = keyof typeof ranges;

const simple = {
  mustBe: '=',
  mustNotBe: '≠',
  mustBeGreaterThan: '>',
  mustBeGreaterOrEqualTo: '≥',
  mustBeLessThan: '<',
  mustBeLessOrEqualTo: '≤',
} as const;
const ranges = { mustBeBetween: 'between', mustNotBeBetween: 'not between' } as const;

const number = z.number().optional();
const range = z.tuple([z.number(), z.number()]).optional();

/** The operators as a contract writes them. */
export const promisedBounds = {
  mustBe: number,
  mustNotBe: number,
  mustBeGreaterThan: number,
  mustBeGreaterOrEqualTo: number,
  mustBeLessThan: number,
  mustBeLessOrEqualTo: number,
  mustBeBetween: range,
  mustNotBeBetween: range,
} satisfies Record<SimpleOperator | RangeOperator, z.ZodType>;

type PromisedBounds = z.infer<z.ZodObject<typeof promisedBounds>>;

/** Every bound that is written down: a rule has one, and what is right is said of any other number of them. */
export function boundsIn(promised: PromisedBounds): readonly Bound[] {
  return [
    ...keysOf(simple).flatMap((operator): readonly Bound[] => {
      const value = promised[operator];
      return value === undefined ? [] : [{ operator, value }];
    }),
    ...keysOf(ranges).flatMap((operator): readonly Bound[] => {
      const [from, to] = promised[operator] ?? [];
      return from === undefined || to === undefined ? [] : [{ operator, from, to }];
    }),
  ];
}

/** Whether a measure is right. The two ends of a range are of it, as SQL has it. */
export function holds(bound: Bound, measured: number): boolean {
  switch (bound.operator) {
    case 'mustBe':
      return measured === bound.value;
    case 'mustNotBe':
      return measured !== bound.value;
    case 'mustBeGreaterThan':
      return measured > bound.value;
    case 'mustBeGreaterOrEqualTo':
      return measured >= bound.value;
    case 'mustBeLessThan':
      return measured < bound.value;
    case 'mustBeLessOrEqualTo':
      return measured <= bound.value;
    case 'mustBeBetween':
      return measured >= bound.from && measured <= bound.to;
    case 'mustNotBeBetween':
      return measured < bound.from || measured > bound.to;
  }
}

/** Whether all that one bound allows is allowed by another: it promises no less. */
export function isAsStrict(bound: Bound, other: Bound): boolean {
  // Between two neighbouring ends both are the same everywhere, so that one measure tells of all.
  const ends = [...endsOf(bound), ...endsOf(other)].sort((a, b) => a - b);
  const between = ends.flatMap((end, at) => [end, (end + (ends[at + 1] ?? end + 2)) / 2]);
  return [(ends[0] ?? 0) - 1, ...between].every(
    (measured) => !holds(bound, measured) || holds(other, measured),
  );
}

/** A bound as people read it: `≤ 5`, `between 10 and 20`. */
export const boundText = (bound: Bound): string =>
  'value' in bound
    ? `${simple[bound.operator]} ${bound.value}`
    : `${ranges[bound.operator]} ${bound.from} and ${bound.to}`;

const endsOf = (bound: Bound): readonly number[] =>
  'value' in bound ? [bound.value] : [bound.from, bound.to];

const keysOf = <Key extends string>(record: Readonly<Record<Key, unknown>>) =>
  Object.keys(record) as Key[];
