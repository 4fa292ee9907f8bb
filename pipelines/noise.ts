import { Observable } from 'rxjs';
import { closeWindows, type WindowEnds, type WindowTask } from './windows/windows.ts';
import type { NoiseWindows } from './noise/noise-windows.ts';

/** A dataset whose windows are published with noise. */
export interface NoiseTask extends WindowTask {
  readonly windows: NoiseWindows;
}

/** `cdc.*` → windows → bounded, added up and noised → `dp.<dataset>`; the refused → `dlq.noise`. Yields rows decided. */
export function noise(
  tasks: readonly NoiseTask[],
  ends: WindowEnds,
  signal: AbortSignal,
): Observable<number> {
  return new Observable((subscriber) => {
    const unsubscribed = new AbortController();
    const until = AbortSignal.any([signal, unsubscribed.signal]);
    const run = async ({ windows, ...task }: NoiseTask) => {
      for await (const rows of closeWindows(task, ends, windows, until)) subscriber.next(rows);
    };
    Promise.all(tasks.map(run)).then(
      () => subscriber.complete(),
      (error: unknown) => subscriber.error(error),
    );
    return () => unsubscribed.abort();
  });
}
