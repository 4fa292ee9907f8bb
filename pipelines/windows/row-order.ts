import { compare } from '../../schemas/position.ts';
import type { WindowRow } from './closed-window.ts';

/** The order of positions. A copied row stands before all that the stream still brings; its log decides no more than a tie. */
export function comparePlaces(a: WindowRow, b: WindowRow): number {
  return compare(a.position, b.position) || (a.log < b.log ? -1 : a.log > b.log ? 1 : 0);
}
