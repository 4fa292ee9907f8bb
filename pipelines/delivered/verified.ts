import type { DifferenceKind } from './differences.ts';

/** A row that differs, as it is told. */
export interface ToldDifference {
  readonly kind: DifferenceKind;
  readonly key: string; // As it is governed; `hash …` where neither the sink nor the topic has it.
  readonly change?: string; // Which change of it, in a history: what it does, and its position.
  readonly relationship?: string;
}

/** What came of holding a table, as it rests in a sink, against its governed topic. */
export interface Verified {
  readonly sink: string;
  readonly table: string;
  readonly equal: boolean;
  /** Rows that rest, or changes where the sink keeps a history. */
  readonly rows: number;
  /** Up to which offset of each lane, and without which. */
  readonly applied: readonly string[];
  /** The topic does not reach back to its beginning: of what came before, only what it still has was compared. */
  readonly partial: boolean;
  readonly counts: Readonly<Partial<Record<DifferenceKind, number>>>;
  /** The first hundred. */
  readonly differences: readonly ToldDifference[];
  /** Rows that changed whenever they were looked at. */
  readonly unsettled: number;
  /** Columns that rest in a form of which nobody can tell whether it is the same. */
  readonly uncompared: readonly string[];
  readonly seconds: number;
}

export const mostTold = 100;

/** How many there are of each kind. */
export function countsOf(
  differences: Iterable<{ readonly kind: DifferenceKind }>,
): Partial<Record<DifferenceKind, number>> {
  const counts: Partial<Record<DifferenceKind, number>> = {};
  for (const { kind } of differences) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
