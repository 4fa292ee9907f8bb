import { finalize, merge, type Observable, Subject } from 'rxjs';
import { into } from './into.ts';
import type { Sink } from './sink.ts';
import type { Envelope, Refused, SideDoor } from './stage.ts';

/**
 * Runs a flow with a side door: what it refuses goes to the dead letters, and settles there. A letter
 * that cannot be written stops the flow, with its position unconfirmed.
 */
export function besideLetters<T>(
  letters: Sink<Refused<T>>,
  flow: (refused: SideDoor<T>) => Observable<number>,
): Observable<number> {
  const refused = new Subject<Envelope<Refused<T>>>();
  const passing = flow(refused).pipe(finalize(() => refused.complete()));
  return merge(refused.pipe(into(letters, { size: 64, lingerMs: 0 }, noWay)), passing);
}

const noWay: SideDoor<unknown> = {
  next({ values: [first] }) {
    throw first?.refusal ?? new Error('a dead letter was refused');
  },
};
