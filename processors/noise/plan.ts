import { hash } from 'node:crypto';
import type { TableContract } from '../../contracts/contract.ts';
import { datasetOf } from '../../contracts/dataset.ts';
import { type Dp, type Query, windowsPerMonth } from '../../contracts/dp.ts';
import { type Channel, measured, type Measured } from './channels.ts';
import type { Ratio } from './ratio.ts';
import { type Tree, treeFor } from './tree.ts';

/** A dataset's queries, each with its part of the budget and the noise that this part asks for. */
export interface Plan {
  readonly dataset: string;
  readonly dp: Dp;
  readonly contract: TableContract;
  readonly budget: bigint; // Of a subject in a month, in billionths of ε (Laplace) or of ρ (Gaussian).
  readonly queries: readonly PlannedQuery[];
}

export interface PlannedQuery {
  readonly query: Query;
  readonly revision: string; // A digest of all that decides what is counted and how it is noised.
  readonly cost: bigint; // What a month of it takes of the budget.
  readonly tree: Tree;
  readonly channels: readonly Noised[];
  readonly measured: Measured;
}

export interface Noised {
  readonly channel: Channel;
  /** Of one node: t of exp(−|x|/t) for Laplace, σ² for Gaussian, in units of the channel. */
  readonly scale: Ratio;
}

const billion = 1_000_000_000n;

/**
 * ρ of zero-concentrated differential privacy that implies (ε, 1e-6), in billionths and rounded down: the conversion of
 * Canonne, Kamath and Steinke (2020, proposition 12). It is what σ = 4.530878, 2.381592 and 1.267826 have for ε = 1, 2 and 4.
 */
const rhoOf: Readonly<Record<Dp['epsilon'], bigint>> = {
  1: 24_355_970n,
  2: 88_152_688n,
  4: 311_064_954n,
};

/** The budget of a subject in a month, in billionths. */
export const budgetOf = ({ epsilon, mechanism }: Pick<Dp, 'epsilon' | 'mechanism'>): bigint =>
  mechanism === 'laplace' ? BigInt(epsilon) * billion : rhoOf[epsilon];

/** What is to be released of a table; null if its contract asks for nothing. */
export function planOf(database: string, contract: TableContract): Plan | null {
  const { dp } = contract;
  if (!dp) return null;
  const dataset = datasetOf(database, contract.table, dp.dataset);
  const budget = budgetOf(dp);
  const tree = treeFor(windowsPerMonth(dp.window), dp.mechanism);
  const queries = dp.queries.map((query) =>
    planned(query, { dataset, contract, dp, budget, tree }),
  );
  const spent = queries.reduce((sum, { cost }) => sum + cost, 0n);
  if (spent > budget) throw new RangeError(`${dataset}: its queries cost more than their budget`);
  return { dataset, dp, contract, budget, queries };
}

interface Whole extends Omit<Plan, 'queries'> {
  readonly tree: Tree;
}

function planned(query: Query, whole: Whole): PlannedQuery {
  const { dp, contract, budget, tree } = whole;
  const measure = measured(query, contract);
  const part = BigInt(Math.floor(query.share * Number(budget))) / BigInt(measure.channels.length);
  if (part === 0n) throw new RangeError(`query ${query.name} has no part of the budget`);
  const channels = measure.channels.map((channel) => ({
    channel,
    scale: scaleOf(dp, tree, channel.most, part),
  }));
  return {
    query,
    revision: revisionOf(query, whole),
    cost: part * BigInt(channels.length),
    tree,
    channels,
    measured: measure,
  };
}

/**
 * A subject adds at most rows · `most` to a window and windows · rows · `most` to a month, and all of it again on each
 * level of the tree. Laplace noise answers for the sum of these, Gaussian noise for the root of the sum of their squares.
 */
function scaleOf({ mechanism, contribution }: Dp, tree: Tree, most: bigint, part: bigint): Ratio {
  const [windows, rows] = [BigInt(contribution.windows), BigInt(contribution.rows)];
  const levels = BigInt(tree.levels);
  if (mechanism === 'laplace') return { n: levels * windows * rows * most * billion, d: part };
  const leaves = windows * rows ** 2n;
  const above = (levels - 1n) * (windows * rows) ** 2n;
  return { n: (leaves + above) * most ** 2n * billion, d: 2n * part };
}

function revisionOf(query: Query, { dataset, contract, dp, tree }: Whole): string {
  const { table, tenant, subject, columns } = contract;
  const type = columns.find(({ name }) => name === query.column)?.type ?? null;
  const { epsilon, mechanism, window, contribution, changes, tenants } = dp;
  const said = {
    dataset,
    table,
    tenant,
    subject,
    query,
    type,
    tree,
    epsilon,
    mechanism,
    window,
    contribution,
    changes,
    together: tenants === null,
  };
  return hash('sha256', JSON.stringify(said, inOrder), 'hex').slice(0, 16);
}

/** The order in which keys are written, here or in a contract, decides nothing. */
const inOrder = (_: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    : value;
