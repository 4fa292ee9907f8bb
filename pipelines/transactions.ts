import type { Observable } from 'rxjs';
import { tellTransactions, type TellingEnds } from './transactions/telling.ts';
import { allTasks } from './windows/all-tasks.ts';

/** `gov.*` → how many records of each transaction are there → `gov.<db>.transactions`. Yields transactions told. */
export const transactions = (ends: TellingEnds, signal: AbortSignal): Observable<number> =>
  allTasks([ends], tellTransactions, signal);
