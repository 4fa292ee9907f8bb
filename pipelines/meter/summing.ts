import { setTimeout as pause } from 'node:timers/promises';
import { Observable } from 'rxjs';

const leastPauseMs = 1_000;
const pauses = 4; // As long as a pass took, so often the flow goes on without one.

/**
 * Sums up beside a flow, at most a fifth of the time; and to the end once the flow has ended, unless it was told to
 * stop. `sumUp` makes one pass, and tells whether there is more.
 */
export function summing(
  flow: Observable<number>,
  sumUp: () => Promise<boolean>,
  signal: AbortSignal,
): Observable<number> {
  return new Observable((subscriber) => {
    const ended = new AbortController();
    let isDue = true; // Who wrote last may have gone before it was summed.
    const beside = async () => {
      while (!ended.signal.aborted) {
        const begun = performance.now();
        if (isDue) {
          isDue = false;
          if (await sumUp()) isDue = true;
        }
        const wait = Math.max(leastPauseMs, pauses * (performance.now() - begun));
        await pause(wait, undefined, { signal: ended.signal }).catch(() => {});
      }
    };
    const fail = (error: unknown) => subscriber.error(error);
    const running = beside().catch(fail);
    const finish = async () => {
      ended.abort();
      await running;
      while (!signal.aborted && (await sumUp()));
      subscriber.complete();
    };
    const subscription = flow.subscribe({
      next(count) {
        isDue = true;
        subscriber.next(count);
      },
      error: fail,
      complete: () => void finish().catch(fail),
    });
    return () => {
      ended.abort();
      subscription.unsubscribe();
    };
  });
}
