import { z } from 'zod';
import { promisedDataset } from './dataset.ts';

/** What a dataset may lose of a subject in a month, all queries together. Nothing between them is on offer. */
export const epsilons = [1, 2, 4] as const;
/** How likely it is at most, under Gaussian noise, that more is lost. */
export const delta = 1e-6;
const daySeconds = 86_400;

/** Something that is counted of a table, window by window. */
export type Query = { readonly name: string; readonly share: number } & (
  | { readonly kind: 'count'; readonly column: string | null } // Rows, or those in which the column is not null.
  | { readonly kind: 'sum' | 'mean'; readonly column: string; readonly bounds: Bounds }
  | {
      readonly kind: 'histogram';
      readonly column: string;
      readonly buckets: readonly string[] | readonly number[]; // Values, or the edges between numbers.
    }
);

/** The least and the greatest value that count; what is beyond counts as one of them. */
type Bounds = readonly [low: number, high: number];

/** What a table's contract promises of noisy aggregates, `dp.<dataset>`. */
export interface Dp {
  readonly dataset: string | null; // The name of its topic; null for that of database and table.
  readonly epsilon: (typeof epsilons)[number];
  readonly mechanism: 'laplace' | 'gaussian';
  readonly window: number; // Seconds of the log's own time.
  /** How much of a subject counts in a month: so many windows, and so many rows in each. */
  readonly contribution: { readonly windows: number; readonly rows: number };
  readonly changes: 'all' | 'inserts'; // Whether what is updated and deleted is taken away again.
  readonly tenants: readonly string[] | null; // Each has series of its own; null where all have one together.
  readonly queries: readonly Query[];
}

const name = z
  .string()
  .regex(/^[a-z][a-z0-9_-]*$/, 'is no name: write lower-case letters, digits, - and _');
const share = z.number().min(1e-6).max(1).optional();
const column = z.string().min(1);
const bounds = z.tuple([z.number(), z.number()], 'is not [lowest, highest]');

const query = z.discriminatedUnion(
  'kind',
  [
    z.strictObject({ name, share, kind: z.literal('count'), column: column.optional() }),
    z.strictObject({ name, share, kind: z.enum(['sum', 'mean']), column, bounds }),
    z.strictObject({
      name,
      share,
      kind: z.literal('histogram'),
      column,
      buckets: z.union([z.array(z.number()).min(1), z.array(z.string()).min(1)], {
        error: 'are neither values nor the edges between numbers',
      }),
    }),
  ],
  { error: 'is none of count, sum, mean and histogram' },
);

/** Noisy aggregates as a contract writes them. */
export const promisedDp = z.strictObject({
  dataset: promisedDataset,
  epsilon: z.literal(epsilons, 'is none of the presets 1, 2 and 4'),
  delta: z.literal(delta, 'is not the preset 1e-6').default(delta),
  mechanism: z.enum(['laplace', 'gaussian']).default('laplace'),
  unit: z.literal('subject-month', 'is not subject-month').default('subject-month'),
  window: z.int().min(1).max(daySeconds).default(daySeconds),
  contribution: z.strictObject({
    windows: z.int().min(1).max(10_000),
    rows: z.int().min(1).max(10_000),
  }),
  changes: z.enum(['all', 'inserts']).default('all'),
  tenants: z
    .union([z.array(z.string().min(1)).min(1), z.literal('together')], {
      error: 'are neither a list of tenants nor `together`',
    })
    .optional(),
  queries: z.array(query).min(1).max(100),
});

type PromisedDp = z.infer<typeof promisedDp>;

/** What was promised, whole: what is not said is as it is by default. */
export function dpOf(promised: PromisedDp): Dp {
  const { dataset = null, epsilon, mechanism, window, contribution, changes, tenants } = promised;
  return {
    dataset,
    epsilon,
    mechanism,
    window,
    contribution,
    changes,
    tenants: Array.isArray(tenants) ? tenants : null,
    queries: shared(promised.queries),
  };
}

type PromisedQuery = PromisedDp['queries'][number];

/** Queries that say nothing of their share have equal parts of what the others leave. */
function shared(queries: readonly PromisedQuery[]): readonly Query[] {
  const said = queries.reduce((sum, { share = 0 }) => sum + share, 0);
  const silent = queries.filter((each) => each.share === undefined).length;
  return queries.map((each) => {
    const share = each.share ?? (1 - said) / silent;
    return each.kind === 'count'
      ? { ...each, share, column: each.column ?? null }
      : { ...each, share };
  });
}

interface Owned {
  readonly columns: ReadonlyMap<string, string>; // Their types by name.
  readonly subject: string | null;
  readonly tenant: string | null;
}

/** What is wrong with what was promised, given the table, each with what is right. */
export function* dpFaults(promised: PromisedDp, table: Owned): Generator<string> {
  const { queries, tenants, contribution, window } = promised;
  if (table.subject === null)
    yield ': its dp protects subjects, but the table names none; add for example { property: subject, value: customer_id }';
  if (table.tenant !== null && tenants === undefined)
    yield ': its rows have a tenant: which have series of their own is to be said beforehand, for it must not depend on rows; add to its dp for example tenants: ["1", "2"], or tenants: together';
  if (table.tenant === null && Array.isArray(tenants))
    yield ': its dp lists tenants, but the table names no column of the tenant; remove tenants';
  if (Array.isArray(tenants) && new Set(tenants).size < tenants.length)
    yield ': its dp lists a tenant twice; keep one of the two';
  if (daySeconds % window !== 0)
    yield `: its dp has windows of ${window} seconds, which do not fill a day; use for example 900, 3600 or 86400`;
  else if (contribution.windows > windowsPerMonth(window))
    yield `: its dp lets a subject count in ${contribution.windows} windows of a month, which has ${windowsPerMonth(window)} at most`;
  const said = queries.reduce((sum, { share = 0 }) => sum + share, 0);
  const silent = queries.some(({ share }) => share === undefined);
  if (said > 1 + 1e-12 || (silent && said >= 1))
    yield ': its dp has queries whose shares are more than the whole; let them be 1 together, or leave them out';
  for (const [at, each] of queries.entries()) {
    if (queries.findIndex((other) => other.name === each.name) < at)
      yield `: its dp has two queries ${each.name}; give each a name of its own`;
    for (const fault of queryFaults(each, table.columns)) yield `, dp query ${each.name}: ${fault}`;
  }
}

/** As many windows as the longest month has. */
export const windowsPerMonth = (window: number): number => (31 * daySeconds) / window;

const numbers = /^(?:smallint|integer|bigint|real|double precision|numeric(?:\(.*\))?)$/;
const greatest = 1e15; // Whole numbers up to here, and some digits after their point, are what was written.

function* queryFaults(
  query: PromisedQuery,
  columns: ReadonlyMap<string, string>,
): Generator<string> {
  if (query.column === undefined) return;
  const type = columns.get(query.column);
  if (type === undefined) {
    yield `is of the column ${query.column}, which the table does not have; name one of: ${[...columns.keys()].join(', ')}`;
    return;
  }
  const isNumber = numbers.test(type);
  if (query.kind === 'sum' || query.kind === 'mean') {
    const [low, high] = query.bounds;
    if (!isNumber) yield `is a ${query.kind} of ${query.column}, which holds no numbers (${type})`;
    if (!(low < high) || Math.max(-low, high) > greatest)
      yield `its bounds are not [lowest, highest]; write for example bounds: [0, 500]`;
  }
  if (query.kind === 'histogram') {
    const { buckets } = query;
    const edges = buckets.filter((each) => typeof each === 'number');
    if (edges.length > 0 && !isNumber)
      yield `has numbers for buckets, but ${query.column} holds none (${type}); list the values, for example buckets: [open, paid]`;
    if (edges.some((edge, at) => edge <= (edges[at - 1] ?? -Infinity) || Math.abs(edge) > greatest))
      yield 'the edges of its buckets do not rise; write for example buckets: [0, 10, 100]';
    if (new Set<string | number>(buckets).size < buckets.length)
      yield 'has a bucket twice; keep one of the two';
    if (buckets.some((each) => each === 'other'))
      yield 'has a bucket `other`, as all that is in no other bucket is called; remove it';
  }
}
