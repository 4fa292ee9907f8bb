import { createHmac } from 'node:crypto';
import { delta } from '../../contracts/dp.ts';
import type { Noisy } from '../../schemas/noisy.ts';
import { added, type Cells, nothingOf } from './cells.ts';
import type { NodeNoise } from './node-noise.ts';
import { follows, isBehind, type MonthWindow } from './months.ts';
import type { Noised, Plan, PlannedQuery } from './plan.ts';
import { type Ratio, rootBelow } from './ratio.ts';
import { prefixOf, type Term } from './tree.ts';
import { textOf } from './decimals.ts';

/** Where the sums of a query stand. The exact ones leave only with noise. */
export interface Running {
  readonly revision: string;
  readonly month: string;
  readonly next: number; // The window of the month that comes next.
  readonly sums: Cells; // Of the month.
  readonly carried: Cells; // Of the months before: with their noise, as they were published.
  readonly carriedDraws: number; // That add up in them.
  readonly monthFrom: number; // From when on, in microseconds, the month is counted;
  readonly totalFrom: number; // and the total.
  readonly digest: string; // Of all that went in.
}

interface Released {
  readonly running: Running;
  readonly values: readonly Noisy[];
}

interface Window {
  readonly window: MonthWindow;
  readonly tenant: string | null;
  readonly sums: Cells;
}

/** The release of a query's window: a pure function of what came, what came before, and the key. */
export function release(
  {
    plan,
    planned,
    nodes,
  }: { readonly plan: Plan; readonly planned: PlannedQuery; readonly nodes: NodeNoise },
  before: Running | null,
  { window, tenant, sums }: Window,
): Released {
  const noise = noiseOf(nodes, plan, planned, tenant);
  const begun = begin(planned, noise, before, window);
  const month = added(begun.sums, sums);
  const running: Running = {
    ...begun,
    next: window.index + 1,
    sums: month,
    digest: digestOf(nodes, begun, window, sums),
  };
  const terms = prefixOf(planned.tree, window.index + 1);
  const noisyMonth = added(month, noise(window.month, terms));
  const leaf: Term = { level: 0, index: window.index, sign: 1 };
  const spans = [
    ['window', window.from, added(sums, noise(window.month, [leaf])), 1],
    ['month', begun.monthFrom, noisyMonth, terms.length],
    ['total', begun.totalFrom, added(begun.carried, noisyMonth), begun.carriedDraws + terms.length],
  ] as const;
  const { query, measured } = planned;
  const values = spans.flatMap(([span, from, cells, draws]) =>
    measured.series.map(({ bucket, value }): Noisy => ({
      dataset: plan.dataset,
      tenant,
      query: query.name,
      kind: query.kind,
      bucket,
      span,
      from,
      to: window.to,
      value: value(cells),
      epsilon: plan.dp.epsilon,
      delta,
      mechanism: plan.dp.mechanism,
      scale: scaleText(plan, planned),
      draws,
    })),
  );
  return { running, values };
}

type Noise = (month: string, terms: readonly Term[]) => Cells;

/** Draws the noise of nodes, each by a name of its own: it does not matter when and how often one is asked for. */
function noiseOf(
  nodes: NodeNoise,
  plan: Plan,
  planned: PlannedQuery,
  tenant: string | null,
): Noise {
  const { epsilon, mechanism, contribution } = plan.dp;
  const bounds = `${contribution.windows}*${contribution.rows}`;
  const one = ({ channel, scale }: Noised, cell: number, month: string, { level, index }: Term) => {
    const node = [channel.name, cell, month, level, index] as const;
    const { dataset } = plan;
    const { query, revision } = planned;
    const terms = [epsilon, `${scale.n}/${scale.d}`, bounds, revision] as const;
    const name = ['noise', dataset, tenant ?? '', query.name, ...node, ...terms];
    return nodes.of(name, mechanism, scale);
  };
  return (month, terms) =>
    planned.channels.map((noised) =>
      Array.from({ length: noised.channel.cells }, (_, cell) =>
        terms.reduce((sum, term) => sum + BigInt(term.sign) * one(noised, cell, month, term), 0n),
      ),
    );
}

/**
 * The sums before a window: those of its month, or none yet, with what was published of the months before. Where the
 * window before this one is not in them they begin anew: a sum with windows missing is none.
 */
function begin(
  { channels, revision, tree }: PlannedQuery,
  noise: Noise,
  before: Running | null,
  window: MonthWindow,
): Running {
  const { month, index, from } = window;
  const nothing = nothingOf(channels);
  const next = { revision, month, next: index, sums: nothing, monthFrom: from };
  if (before?.revision === revision) {
    if (isBehind(before, window)) throw new TypeError(`a window of ${month} was released before`);
    if (follows(before, window)) {
      if (before.month === month) return before;
      const terms = prefixOf(tree, before.next);
      const published = added(before.sums, noise(before.month, terms));
      return {
        ...before,
        ...next,
        carried: added(before.carried, published),
        carriedDraws: before.carriedDraws + terms.length,
      };
    }
  }
  return { ...next, carried: nothing, carriedDraws: 0, totalFrom: from, digest: '' };
}

/** With a key: who knows the digest alone cannot try out what it is of. */
function digestOf(
  { key }: NodeNoise,
  before: Running,
  { month, index }: MonthWindow,
  sums: Cells,
): string {
  const text = JSON.stringify([
    'inputs',
    before.digest,
    before.revision,
    month,
    index,
    texts(sums),
  ]);
  return createHmac('sha256', key).update(text).digest('hex').slice(0, 32);
}

const texts = (cells: Cells) => cells.map((each) => each.map((cell) => `${cell}`));

const scaleDecimals = 6;

/** In units of what is published. */
function scaleText({ dp }: Plan, { query, channels: [first], measured }: PlannedQuery): string {
  if (!first) return '0';
  const halves = query.kind === 'mean' ? 2n : 1n; // The sum of a mean counts halves of units.
  const one = 10n ** BigInt(scaleDecimals);
  const scale = scaledBy(first.scale, dp.mechanism === 'laplace' ? one : one ** 2n);
  const size = dp.mechanism === 'laplace' ? scale : rootBelow(scale);
  return textOf(size / halves, measured.decimals + scaleDecimals);
}

const scaledBy = ({ n, d }: Ratio, factor: bigint): bigint => (n * factor) / d;
