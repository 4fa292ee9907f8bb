/**
 * How the windows of a month are summed up: a node of level j covers `arity`^j of them, and each level has noise of
 * its own. Every window lies in one node of each level, so what a subject adds is seen `levels` times.
 */
export interface Tree {
  readonly arity: number;
  readonly levels: number;
  readonly digits: Digits;
}

/**
 * Of a prefix's number of windows, written to the base of the arity. Signed ones (Andersson, Pagh, Steiner and Suresh,
 * "Count on Your Elders", 2024) take away as well as add, and need half as many nodes; some of these end later than the
 * prefix. Plain ones add nodes that are over.
 */
export type Digits = 'signed' | 'plain';

export interface Node {
  readonly level: number;
  readonly index: number; // Among those of its level, from the left.
}

export interface Term extends Node {
  readonly sign: 1 | -1;
}

/** The nodes that add up to the first `windows` windows. */
export function prefixOf({ arity, levels, digits }: Tree, windows: number): readonly Term[] {
  const terms: Term[] = [];
  let rest = windows;
  for (let level = 0; rest !== 0; level++) {
    if (level === levels) throw new RangeError(`${windows} windows are more than the tree has`);
    const digit = digitOf(rest, arity, digits);
    rest = (rest - digit) / arity;
    const from = rest * arity;
    for (let at = 0; at < digit; at++) terms.push({ level, index: from + at, sign: 1 });
    for (let at = 0; at > digit; at--) terms.push({ level, index: from + at - 1, sign: -1 });
  }
  return terms;
}

/**
 * The tree whose running sums are least noisy on average over as many windows. More levels need fewer nodes for a
 * sum, and cost each node more noise: its variance grows with their square (`laplace`) or with them (`gaussian`).
 */
export function treeFor(windows: number, mechanism: 'laplace' | 'gaussian'): Tree {
  const digits = mechanism === 'laplace' ? 'signed' : 'plain';
  let best: { readonly tree: Tree; readonly cost: number } | null = null;
  for (let levels = 1; levels <= mostLevels; levels++) {
    const tree = { arity: arityFor(windows, levels, digits), levels, digits } as const;
    const cost = nodesOfAll(tree, windows) * (mechanism === 'laplace' ? levels ** 2 : levels);
    if (!best || cost < best.cost) best = { tree, cost };
  }
  if (!best) throw new RangeError('a tree has levels');
  return best.tree;
}

const mostLevels = 8;

function digitOf(windows: number, arity: number, digits: Digits): number {
  const rest = windows % arity;
  return digits === 'signed' && rest > (arity - 1) / 2 ? rest - arity : rest;
}

/** The least arity, odd where digits are signed, that so many levels reach all windows with. */
function arityFor(windows: number, levels: number, digits: Digits): number {
  const signed = digits === 'signed';
  for (let arity = signed ? 3 : 2; ; arity += signed ? 2 : 1)
    if ((arity ** levels - 1) / (signed ? 2 : 1) >= windows) return arity;
}

function nodesOfAll({ arity, digits }: Tree, windows: number): number {
  let nodes = 0;
  for (let prefix = 1; prefix <= windows; prefix++)
    for (let rest = prefix; rest !== 0;) {
      const digit = digitOf(rest, arity, digits);
      nodes += Math.abs(digit);
      rest = (rest - digit) / arity;
    }
  return nodes;
}
