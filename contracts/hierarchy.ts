import { z } from 'zod';

/**
 * How the values of a column are made coarser, level by level: 0 is the value itself, the greatest level is
 * `*`. Each level is a union of classes of the one before, so that who is in a class stays in its parent.
 */
export type Hierarchy =
  | {
      readonly kind: 'intervals'; // Of numbers: classes of these widths, counted from `from`.
      readonly from: number;
      readonly to: number; // The first that is not covered any more.
      readonly widths: readonly number[];
      readonly level: number; // What the rule `generalise` gives.
    }
  | {
      readonly kind: 'tree'; // Of names: what is above each, from near to far.
      readonly above: ReadonlyMap<string, readonly string[]>;
      readonly depth: number;
      readonly level: number;
    }
  | {
      readonly kind: 'prefixes'; // Of text: so many letters of it, fewer at each level.
      readonly lengths: readonly number[];
      readonly level: number;
    };

/** The level at which nothing is told any more. */
export function topOf(hierarchy: Hierarchy): number {
  switch (hierarchy.kind) {
    case 'intervals':
      return hierarchy.widths.length + 1;
    case 'tree':
      return hierarchy.depth + 1;
    case 'prefixes':
      return hierarchy.lengths.length + 1;
  }
}

type Branches = { readonly [name: string]: Branches | readonly string[] };

const name = z.string().min(1);
const branches: z.ZodType<Branches> = z.lazy(() =>
  z.record(name, z.union([z.array(name).min(1), branches])),
);
const level = z.int().min(1).default(1);

/** A hierarchy as a contract writes it. */
export const promisedHierarchy = z.union(
  [
    z.strictObject({
      intervals: z.array(z.number().positive()).min(1),
      from: z.number(),
      to: z.number(),
      level,
    }),
    z.strictObject({ tree: branches, level }),
    z.strictObject({ prefixes: z.array(z.int().min(1)).min(1), level }),
  ],
  'is no hierarchy',
);

type PromisedHierarchy = z.infer<typeof promisedHierarchy>;

/** The hierarchy that was promised. */
export function hierarchyOf(promised: PromisedHierarchy): Hierarchy {
  const { level } = promised;
  if ('intervals' in promised) {
    const { intervals: widths, from, to } = promised;
    return { kind: 'intervals', from, to, widths, level };
  }
  if ('prefixes' in promised) return { kind: 'prefixes', lengths: promised.prefixes, level };
  const leaves = leavesOf(promised.tree, []);
  const depth = Math.max(0, ...leaves.map(([, above]) => above.length));
  // What is less deep than others reaches its last class early, and stays in it.
  const above = leaves.map(
    ([leaf, names]) =>
      [leaf, Array.from({ length: depth }, (_, at) => names[at] ?? names.at(-1) ?? '*')] as const,
  );
  return { kind: 'tree', above: new Map(above), depth, level };
}

/** What is wrong with a hierarchy, each with what is right. */
export function* hierarchyFaults(promised: PromisedHierarchy): Generator<string> {
  if ('intervals' in promised) yield* intervalFaults(promised);
  else if ('tree' in promised) yield* treeFaults(promised.tree);
  else
    for (const [at, length] of promised.prefixes.entries())
      if (length >= (promised.prefixes[at - 1] ?? Infinity))
        yield `its prefixes (${promised.prefixes.join(', ')}) do not become shorter; write for example prefixes: [4, 2]`;
  const top = topOf(hierarchyOf(promised));
  if (promised.level > top)
    yield `its level is ${promised.level}, but its hierarchy ends at ${top}; lower it`;
}

function* intervalFaults({
  intervals,
  from,
  to,
}: {
  readonly intervals: readonly number[];
  readonly from: number;
  readonly to: number;
}): Generator<string> {
  if (from >= to)
    yield `its intervals go from ${from} to ${to}: nothing lies between; exchange them`;
  for (const [at, width] of intervals.entries()) {
    const finer = intervals[at - 1];
    if (finer !== undefined && (width <= finer || !isWhole(width / finer)))
      yield `an interval of ${width} is not made of whole ones of ${finer}; write for example intervals: [5, 10, 50]`;
  }
}

const isWhole = (ratio: number) => Math.abs(ratio - Math.round(ratio)) < 1e-9;

function* treeFaults(tree: Branches): Generator<string> {
  const leaves = leavesOf(tree, []);
  const seen = new Set<string>();
  for (const [leaf] of leaves) {
    if (seen.has(leaf)) yield `the name ${leaf} is twice in its tree; keep one of the two`;
    seen.add(leaf);
  }
  const parents = new Map<string, string>();
  for (const [, above] of leaves)
    for (const [at, each] of above.entries()) {
      const path = above.slice(at + 1).join('/');
      if ((parents.get(each) ?? path) !== path || seen.has(each))
        yield `the name ${each} stands at two places of its tree; give each its own`;
      parents.set(each, path);
    }
}

function leavesOf(
  tree: Branches,
  above: readonly string[],
): readonly (readonly [leaf: string, above: readonly string[]])[] {
  return Object.entries(tree).flatMap(([branch, inner]) =>
    isList(inner)
      ? inner.map((leaf) => [leaf, [branch, ...above]] as const)
      : leavesOf(inner, [branch, ...above]),
  );
}

const isList = (inner: Branches | readonly string[]): inner is readonly string[] =>
  Array.isArray(inner);
