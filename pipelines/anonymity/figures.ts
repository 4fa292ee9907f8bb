import type { Region } from '../../processors/anonymity/book.ts';
import type { Outcome, Suppressed } from '../../processors/anonymity/teller.ts';
import type { ClosedWindow } from '../windows/closed-window.ts';

/** What became of a window's rows, in figures. */
export interface AnonymityFigures {
  readonly dataset: string;
  readonly k: number;
  readonly closedMicros: number; // The log's own time, as far as it was decided.
  readonly rows: number;
  readonly released: number;
  readonly retracted: number;
  readonly suppressed: ReadonlyMap<Suppressed, number>;
  readonly waiting: number;
  /** The sum, over the rows that were released, of what their region tells less than they would (NCP, 0 to 1). */
  readonly loss: number;
  /** The sum, over the same rows, of the windows that they waited. */
  readonly delayWindows: number;
  readonly regions: number; // In which anything is told.
  readonly smallest: number | null; // Subjects in the smallest of them.
}

/** Counts what a window came to. */
export function figuresOf(
  { index, endMicros, rows }: ClosedWindow,
  { news, suppressed }: Outcome,
  regions: readonly Region[],
): Omit<AnonymityFigures, 'dataset' | 'k' | 'waiting'> {
  let [released, retracted, loss, delayWindows] = [0, 0, 0, 0];
  for (const { region, releases, retractions } of news) {
    released += releases.length;
    retracted += retractions.length;
    loss += region.loss * releases.length;
    for (const { put } of releases) delayWindows += index - put.since;
  }
  let told = 0;
  let smallest: number | null = null;
  for (const { subjects } of regions) {
    if (subjects === 0) continue;
    told++;
    smallest = Math.min(smallest ?? Infinity, subjects);
  }
  return {
    closedMicros: endMicros,
    rows: rows.length,
    released,
    retracted,
    suppressed,
    loss,
    delayWindows,
    regions: told,
    smallest,
  };
}
