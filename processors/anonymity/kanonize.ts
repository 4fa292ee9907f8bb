import type { Hierarchy } from '../../contracts/hierarchy.ts';
import type { Value } from '../../schemas/value.ts';
import { cluster } from './clusters.ts';
import { type Cell, Lattice } from './lattice.ts';

/** A quasi-identifier by its name, with the hierarchy by which it is made coarser; without one it is told, or `*`. */
export type Quasi = string | { readonly name: string; readonly hierarchy: Hierarchy };

type Table = Readonly<Record<string, Value>>;

/**
 * Makes a table k-anonymous: every combination of its quasi-identifiers is then that of k rows at least, or, where
 * `subjectOf` tells whose a row is, of k people. Values are made as coarse as that needs, rows that would stand out
 * all the same are left out, and what is not a quasi-identifier stays as it is. Rows keep their order. Throws a
 * `Refusal` if a hierarchy does not cover a value.
 */
export function kanonize<Row extends Table>(
  rows: readonly Row[],
  qis: readonly Quasi[],
  k = 5,
  subjectOf: (row: Row, index: number) => string = (_, index) => `${index}`,
): readonly Row[] {
  if (!Number.isInteger(k) || k < 2)
    throw new RangeError(`k is ${k}; below 2 one row alone would be told, so give 5 or more`);
  const names = qis.map((each) => (typeof each === 'string' ? each : each.name));
  const lattice = new Lattice(
    qis.map((each, at) => ({
      name: names[at] ?? '',
      hierarchy: typeof each === 'string' ? null : each.hierarchy,
      finest: 0,
      place: `column ${names[at]}`,
    })),
  );
  const cells = new Map<string, Set<Cell>>(); // By subject.
  const all = rows.map((row, index) => {
    const cell = lattice.cellOf(names.map((name) => row[name] ?? null));
    const subject = subjectOf(row, index);
    const own = cells.get(subject);
    if (own) own.add(cell);
    else cells.set(subject, new Set([cell]));
    return { row, subject };
  });
  const candidates = [...cells].map(([subject, own]) => ({
    subject,
    cells: [...own],
    patience: 1,
    sensitive: null,
  }));
  const clusters = cluster(candidates, lattice, { k, l: 1 }, () => nobody);
  const classesOf = new Map(
    clusters.flatMap(({ members, classes }) => members.map(({ subject }) => [subject, classes])),
  );
  return all.flatMap(({ row, subject }) => {
    const classes = classesOf.get(subject);
    if (!classes) return [];
    return [{ ...row, ...Object.fromEntries(names.map((name, at) => [name, classes[at]])) }];
  });
}

const nobody = { subjects: 0, sensitive: new Set<string>() };
