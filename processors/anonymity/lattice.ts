import { type Hierarchy, topOf } from '../../contracts/hierarchy.ts';
import type { Value } from '../../schemas/value.ts';
import { generaliser } from '../generalise.ts';

/** A quasi-identifier, and how fine it may be told. */
export interface QuasiIdentifier {
  readonly name: string;
  readonly hierarchy: Hierarchy | null; // Without one it is told as it is, or not at all.
  readonly finest: number; // The level that is told at best.
  readonly place: string; // Its name in errors.
}

/** A class of each quasi-identifier, as readers see it. */
export type Classes = readonly (string | null)[];

/** One of the ways to make all quasi-identifiers coarser at once. */
export interface Node {
  readonly at: number; // Its place in the lattice, from fine to coarse.
  readonly levels: readonly number[];
  readonly loss: number; // What of the information is lost, from 0 to 1.
}

/** What the quasi-identifiers of a row are, level by level, and the names of the regions that they could be told in. */
export interface Cell {
  readonly number: number;
  readonly classes: readonly Classes[]; // By quasi-identifier and level.
  readonly keys: string[]; // By node, made when they are asked for.
}

const mostKnown = 50_000;

/** All combinations of levels, from fine to coarse, and the cells of rows in them. */
export class Lattice {
  readonly nodes: readonly Node[];
  readonly #identifiers: readonly Identifier[];
  readonly #cells = new Map<string, Cell>();
  #numbers = 0;

  constructor(identifiers: readonly QuasiIdentifier[]) {
    this.#identifiers = identifiers.map((each) => new Identifier(each));
    this.nodes = this.#combinations()
      .map((levels) => ({ levels, loss: this.#lossOf(levels) }))
      .sort((a, b) => a.loss - b.loss || (a.levels.join() < b.levels.join() ? -1 : 1))
      .map((node, at) => ({ ...node, at }));
  }

  /** The cell of a row's values. Throws a `Refusal` if a hierarchy does not cover one. */
  cellOf(values: readonly Value[]): Cell {
    const known = values.map((value) => (value === null ? 'n' : `v${value}`)).join('\0');
    let cell = this.#cells.get(known);
    if (!cell) {
      const classes = this.#identifiers.map((each, at) => each.classesOf(values[at] ?? null));
      if (this.#cells.size >= mostKnown) this.#cells.clear();
      this.#cells.set(known, (cell = { number: this.#numbers++, classes, keys: [] }));
    }
    return cell;
  }

  classesAt({ classes }: Cell, { levels }: Node): Classes {
    return classes.map((each, at) => each[levels[at] ?? 0] ?? null);
  }

  #keyAt(cell: Cell, node: Node): string {
    return (cell.keys[node.at] ??= regionKey(this.classesAt(cell, node)));
  }

  /** The name of the region at a node that has all of these cells in it; null if they are in several. */
  commonKey(cells: readonly Cell[], node: Node): string | null {
    let common: string | null = null;
    for (const cell of cells) {
      const key = this.#keyAt(cell, node);
      if (common !== null && key !== common) return null;
      common = key;
    }
    return common;
  }

  /** Whether a region of these classes has the cell in it. */
  fits({ classes }: Cell, region: Classes): boolean {
    return region.every((told, at) => classes[at]?.includes(told) ?? false);
  }

  #combinations(): readonly (readonly number[])[] {
    return this.#identifiers.reduce<readonly (readonly number[])[]>(
      (all, { finest, top }) =>
        all.flatMap((levels) =>
          Array.from({ length: top - finest + 1 }, (_, up) => [...levels, finest + up]),
        ),
      [[]],
    );
  }

  #lossOf(levels: readonly number[]): number {
    const losses = levels.map((level, at) => this.#identifiers[at]?.loss(level) ?? 1);
    return losses.reduce((sum, loss) => sum + loss, 0) / Math.max(1, losses.length);
  }
}

/** The one text of a combination. */
export const regionKey = (classes: Classes): string => JSON.stringify(classes);

class Identifier {
  readonly finest: number;
  readonly top: number;
  readonly #classOf: (value: Exclude<Value, null>, level: number) => string;
  readonly #hierarchy: Hierarchy | null;

  constructor({ hierarchy, finest, place }: QuasiIdentifier) {
    this.#hierarchy = hierarchy;
    this.finest = finest;
    this.top = hierarchy ? topOf(hierarchy) : 1;
    this.#classOf = hierarchy
      ? generaliser(hierarchy, place)
      : (value, level) => (level === 0 ? `${value}` : '*');
  }

  /** By level. What is finer than may be told is not there. Null is a class of its own, and `*` in the end. */
  classesOf(value: Value): Classes {
    return Array.from({ length: this.top + 1 }, (_, level) => {
      if (level === this.top) return '*';
      return value === null ? null : this.#classOf(value, Math.max(level, this.finest));
    });
  }

  /** How much of what a value says is lost at a level: the share of all values that its class may stand for. */
  loss(level: number): number {
    const hierarchy = this.#hierarchy;
    if (level === 0) return 0;
    if (!hierarchy || level >= this.top) return 1;
    switch (hierarchy.kind) {
      case 'intervals':
        return Math.min(
          1,
          (hierarchy.widths[level - 1] ?? Infinity) / (hierarchy.to - hierarchy.from),
        );
      case 'tree': {
        const leaves = hierarchy.above.size;
        const classes = new Set([...hierarchy.above.values()].map((above) => above[level - 1]));
        return leaves <= 1 ? 1 : (leaves / classes.size - 1) / (leaves - 1);
      }
      case 'prefixes':
        return level / this.top;
    }
  }
}
