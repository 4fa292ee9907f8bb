import { from, merge, type Observable } from 'rxjs';
import { Dataset, type DatasetParts } from './anonymity/dataset.ts';
import { closeWindows, type WindowEnds, type WindowTask } from './windows/windows.ts';

/** One dataset, and the windows in which its rows come. */
export interface Anonymised {
  readonly task: WindowTask;
  readonly parts: DatasetParts;
}

/** `cdc.*` → windows of the log's own time → regions of k subjects → `anon.<dataset>`; each dataset by itself. */
export function anonymise(
  datasets: readonly Anonymised[],
  ends: WindowEnds,
  signal: AbortSignal,
): Observable<number> {
  return merge(
    ...datasets.map(({ task, parts }) =>
      from(closeWindows(task, ends, new Dataset(parts), signal)),
    ),
  );
}
