import type { Observable } from 'rxjs';
import { Dataset, type DatasetParts } from './anonymity/dataset.ts';
import { allTasks } from './windows/all-tasks.ts';
import { closeWindows, type WindowEnds, type WindowTask } from './windows/windows.ts';

/** One dataset, and the windows in which its rows come. */
export interface Anonymised {
  readonly task: WindowTask;
  readonly parts: DatasetParts;
}

/** `cdc.*` → windows of the log's own time → regions of k subjects → `anon.<dataset>`; each dataset by itself. */
export const anonymise = (
  datasets: readonly Anonymised[],
  ends: WindowEnds,
  signal: AbortSignal,
): Observable<number> =>
  allTasks(
    datasets,
    ({ task, parts }, until) => closeWindows(task, ends, new Dataset(parts), until),
    signal,
  );
