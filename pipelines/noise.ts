import type { Observable } from 'rxjs';
import type { NoiseWindows } from './noise/noise-windows.ts';
import { allTasks } from './windows/all-tasks.ts';
import { closeWindows, type WindowEnds, type WindowTask } from './windows/windows.ts';

/** A dataset whose windows are published with noise. */
export interface NoiseTask extends WindowTask {
  readonly windows: NoiseWindows;
}

/** `cdc.*` → windows → bounded, added up and noised → `dp.<dataset>`; the refused → `dlq.noise`. Yields rows decided. */
export const noise = (
  tasks: readonly NoiseTask[],
  ends: WindowEnds,
  signal: AbortSignal,
): Observable<number> =>
  allTasks(
    tasks,
    ({ windows, ...task }, until) => closeWindows(task, ends, windows, until),
    signal,
  );
