import type { Position } from '../../schemas/position.ts';
import type { Refused } from '../flow/stage.ts';
import type { Received } from '../topic/received.ts';

/** A change in its window, not yet read but for its head. */
export interface WindowRow {
  readonly record: Received & { readonly value: Buffer };
  readonly log: string; // System and log.
  readonly position: Position;
}

/**
 * All that was committed in a while of the log's own time, once nothing more can come of it; or, of a window that is
 * too large to be held, a part: so many records of each lane, whatever the pace at which they were read.
 */
export interface ClosedWindow {
  /** Its start divided by its width: windows are numbered from 1970 on. */
  readonly index: number;
  readonly isLast: boolean; // Nothing more of this window follows.
  readonly endMicros: number; // Since 1970; the first moment after it.
  readonly rows: readonly WindowRow[]; // Each once, in the order of positions.
  readonly refused: readonly Refused<Received>[]; // What is no change of ours.
}
