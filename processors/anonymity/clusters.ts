import type { Cell, Classes, Lattice, Node } from './lattice.ts';

/** A subject that has no region yet. */
export interface Candidate {
  readonly subject: string;
  readonly cells: readonly Cell[]; // Of all its rows: the region is to have them all in it.
  readonly patience: number; // How much loss it takes by now, from 0 to 1.
  readonly sensitive: string | null; // Where regions are to have several of these.
}

/** What a region has without the candidates: so many subjects, and these sensitive values. */
export interface Occupied {
  readonly subjects: number;
  readonly sensitive: ReadonlySet<string>;
}

export interface Wanted {
  readonly k: number;
  readonly l: number; // 1 where any number of sensitive values will do.
}

/** A region that may be told, and the candidates that it takes in. */
export interface Cluster {
  readonly key: string;
  readonly classes: Classes;
  readonly loss: number;
  readonly members: readonly Candidate[];
}

/**
 * Puts subjects into the finest regions that then have enough of them: from fine to coarse, at each node of the
 * lattice, those that share a combination. A region that is told already is taken up again before a coarser one
 * is made. Who still has patience joins a coarse region only if it would not come about otherwise. The same
 * candidates in the same order give the same clusters.
 */
export function cluster(
  candidates: readonly Candidate[],
  lattice: Lattice,
  { k, l }: Wanted,
  occupied: (key: string) => Occupied,
): readonly Cluster[] {
  const clusters: Cluster[] = [];
  let waiting = alike(candidates);
  for (const node of lattice.nodes) {
    if (waiting.length === 0) break;
    const rest: Alike[] = [];
    for (const [key, group] of Map.groupBy(waiting, (each) =>
      lattice.commonKey(each.cells, node),
    )) {
      const members = key === null ? [] : enough(group, node, { k, l }, occupied(key));
      const taken = new Set(members);
      rest.push(...group.filter((each) => !taken.has(each)));
      const [first] = members;
      const [cell] = first?.cells ?? [];
      if (key === null || !cell) continue;
      clusters.push({
        key,
        classes: lattice.classesAt(cell, node),
        loss: node.loss,
        members: members.flatMap((each) => each.members),
      });
    }
    waiting = rest;
  }
  return clusters;
}

/** Candidates between whom nothing here tells a difference. */
interface Alike {
  readonly cells: readonly Cell[];
  readonly patience: number;
  readonly sensitive: string | null;
  readonly members: Candidate[];
}

function alike(candidates: readonly Candidate[]): readonly Alike[] {
  const kinds = new Map<string, Alike>();
  for (const candidate of candidates) {
    const { cells, patience, sensitive } = candidate;
    const name = `${cells.map(({ number }) => number).join()}/${patience}/${sensitive ?? ''}`;
    const kind = kinds.get(name);
    if (kind) kind.members.push(candidate);
    else kinds.set(name, { cells, patience, sensitive, members: [candidate] });
  }
  return [...kinds.values()];
}

/** Those of a group that make a region here: who has no patience left for a finer one, or else all of them; nobody if they are too few. */
function enough(
  group: readonly Alike[],
  { loss }: Node,
  wanted: Wanted,
  occupied: Occupied,
): readonly Alike[] {
  const due = group.filter(({ patience }) => patience >= loss);
  if (due.length === 0) return [];
  return [due, group].find((members) => areEnough(members, wanted, occupied)) ?? [];
}

function areEnough(members: readonly Alike[], { k, l }: Wanted, occupied: Occupied): boolean {
  const count = members.reduce((sum, each) => sum + each.members.length, occupied.subjects);
  if (count < k) return false;
  if (l <= 1) return true;
  const values = new Set(occupied.sensitive);
  for (const { sensitive } of members) if (sensitive !== null) values.add(sensitive);
  return values.size >= l;
}
