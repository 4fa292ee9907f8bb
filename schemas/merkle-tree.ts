import { hash } from 'node:crypto';

/** A hash of the tree: SHA-256. */
export type Hash = Buffer;

/** The hash of an entry (RFC 6962, 2.1). */
export const leafHash = (entry: Uint8Array): Hash =>
  hash('sha256', Buffer.concat([leaf, entry]), 'buffer');

/** The hash of what two subtrees hold together. */
export const nodeHash = (left: Hash, right: Hash): Hash =>
  hash('sha256', Buffer.concat([node, left, right]), 'buffer');

const leaf = Buffer.from([0]);
const node = Buffer.from([1]);

/** The root of a tree without entries. */
export const emptyRoot: Hash = hash('sha256', Buffer.alloc(0), 'buffer');

/** The hash of the entries from one place up to another, where a tree has them as a subtree. */
export type Subtree = (from: number, to: number) => Hash;

/** Subtrees of leaves that are at hand; hash subtrees whose number is no power of two count as leaves, too. */
export function subtreesOf(leaves: readonly Hash[]): Subtree {
  const subtree: Subtree = (from, to) => {
    const only = leaves[from];
    if (to - from === 1 && only) return only;
    if (to <= from || to > leaves.length) throw new RangeError(`no ${to} leaves: ${leaves.length}`);
    const split = splitOf(from, to);
    return nodeHash(subtree(from, split), subtree(split, to));
  };
  return subtree;
}

/** The root of a tree of these leaves, or of the first of them. */
export function rootOf(leaves: readonly Hash[], size = leaves.length): Hash {
  return size === 0 ? emptyRoot : subtreesOf(leaves)(0, size);
}

/** The roots of the trees of the first so many leaves, for all these sizes in one pass. */
export function rootsOf(
  leaves: Iterable<Hash>,
  sizes: ReadonlySet<number>,
): ReadonlyMap<number, Hash> {
  const roots = new Map(sizes.has(0) ? [[0, emptyRoot]] : []);
  let edge: readonly Hash[] = []; // The roots of the full subtrees, from the widest on.
  let size = 0;
  for (const leaf of leaves) {
    let full = 0;
    while (Math.floor(size / 2 ** full) % 2 === 1) full++;
    const joined = [...edge.slice(edge.length - full), leaf].reduceRight(joinedTo);
    edge = [...edge.slice(0, edge.length - full), joined];
    size++;
    if (sizes.has(size)) roots.set(size, edge.reduceRight(joinedTo));
  }
  return roots;
}

const joinedTo = (right: Hash, left: Hash): Hash => nodeHash(left, right);

/** What shows that an entry is in a tree of a size (RFC 6962, 2.1.1). */
export function inclusionProof(index: number, size: number, subtree: Subtree): readonly Hash[] {
  if (index >= size) throw new RangeError(`a tree of ${size} entries has none at ${index}`);
  const path: Hash[] = [];
  let from = 0;
  let to = size;
  while (to - from > 1) {
    const split = splitOf(from, to);
    const isLeft = index < split;
    path.push(isLeft ? subtree(split, to) : subtree(from, split));
    if (isLeft) to = split;
    else from = split;
  }
  return path.reverse();
}

/** What shows that a tree begins with all of a smaller one (RFC 6962, 2.1.2). */
export function consistencyProof(older: number, size: number, subtree: Subtree): readonly Hash[] {
  if (older > size) throw new RangeError(`a tree of ${size} entries has no part of ${older}`);
  if (older === 0 || older === size) return [];
  const path: Hash[] = [];
  let from = 0;
  let to = size;
  while (older !== to) {
    const split = splitOf(from, to);
    const isLeft = older <= split;
    path.push(isLeft ? subtree(split, to) : subtree(from, split));
    if (isLeft) to = split;
    else from = split;
  }
  if (from > 0) path.push(subtree(from, to));
  return path.reverse();
}

/** A tree as its checkpoint tells it. */
export interface Tree {
  readonly size: number;
  readonly root: Hash;
}

/** Whether the proof shows that the entry is in the tree, at that place (RFC 9162, 2.1.3.2). */
export function isIncluded(
  { size, root }: Tree,
  index: number,
  entry: Hash,
  proof: readonly Hash[],
): boolean {
  if (index < 0 || index >= size) return false;
  let at = index;
  let last = size - 1;
  let found = entry;
  for (const beside of proof) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      found = nodeHash(beside, found);
      while (at % 2 === 0 && at !== 0) [at, last] = [half(at), half(last)];
    } else found = nodeHash(found, beside);
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && found.equals(root);
}

/** Whether the proof shows that the newer tree begins with all of the older (RFC 9162, 2.1.4.2). */
export function isConsistent(older: Tree, newer: Tree, proof: readonly Hash[]): boolean {
  if (older.size > newer.size) return false;
  if (older.size === newer.size) return proof.length === 0 && older.root.equals(newer.root);
  if (older.size === 0) return proof.length === 0 && older.root.equals(emptyRoot);
  let at = older.size - 1;
  let last = newer.size - 1;
  while (at % 2 === 1) [at, last] = [half(at), half(last)];
  const [first, ...others] = at === 0 ? [older.root, ...proof] : proof;
  if (!first) return false;
  let before = first;
  let after = first;
  for (const beside of others) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      before = nodeHash(beside, before);
      after = nodeHash(beside, after);
      while (at % 2 === 0 && at !== 0) [at, last] = [half(at), half(last)];
    } else after = nodeHash(after, beside);
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && before.equals(older.root) && after.equals(newer.root);
}

const half = (value: number): number => Math.floor(value / 2);

/** Where a subtree is cut: after the greatest power of two that leaves something. */
export function splitOf(from: number, to: number): number {
  let width = 1;
  while (width * 2 < to - from) width *= 2;
  return from + width;
}
