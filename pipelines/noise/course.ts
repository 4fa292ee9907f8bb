import type { Queryable } from '@databases/pg';
import type { MonthWindow } from '../../processors/noise/months.ts';
import type { PlannedQuery } from '../../processors/noise/plan.ts';
import type { Running } from '../../processors/noise/release.ts';
import type { Withheld } from './ledger.ts';
import type { Place } from './noise-state.ts';

/** A query's window that may be published, and where its sums stand with it. */
export interface Candidate {
  readonly place: Place;
  readonly planned: PlannedQuery;
  readonly window: MonthWindow;
  readonly running: Running;
}

/** How windows are decided one after the other: for the first time, or once more. */
export interface Course {
  /** Where the sums of a query stood after the window before; null where none was published. */
  before(place: Place): Running | null;

  /** In how many windows of a month each of these subjects has counted. */
  windowsOf(month: string, names: readonly string[]): Promise<ReadonlyMap<string, number>>;

  /** Decides whether a window is published, in the transaction that saves it: null, or why it is not. */
  decide(tx: Queryable, candidate: Candidate): Promise<Withheld | 'not asked' | null>;

  /** Counts a window for each of these subjects. */
  count(tx: Queryable, month: string, names: readonly string[]): Promise<void>;

  /** Saves what was decided since. */
  save(tx: Queryable): Promise<void>;
}
