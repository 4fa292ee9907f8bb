import { windowWidths } from '../../contracts/windows.ts';
import { heartbeat } from '../../pipelines/wal/heartbeat.ts';
import { atMost, partMs } from '../../pipelines/wal/own-pool.ts';
import { watchBudget } from '../../pipelines/wal/wal-budget.ts';
import { log } from '../log.ts';
import { background } from './background.ts';
import type { Setting } from './setting.ts';

/**
 * What a guest in someone's database owes for as long as the worker lives, whether capture runs or waits
 * out an outage: a heartbeat, so that no WAL is kept for nothing, and an eye on how much is.
 */
export function guest({ config: { source }, contracts, counters }: Setting): AsyncDisposable {
  const stack = new AsyncDisposableStack();
  const windowed = [...contracts.values()].some((each) => windowWidths(each).length > 0);
  stack.use(
    background((signal) =>
      heartbeat(
        source.url,
        source.heartbeat,
        signal,
        (what) => log.warn({ slot: source.slot }, what),
        windowed ? 'windows wait' : 'no windows',
      ),
    ),
  );
  stack.use(
    watchBudget({
      url: source.url,
      slot: source.slot,
      everySeconds: 5,
      seen: (budget) => counters.walBudget(budget),
      warn: (budget) =>
        log.warn(
          { slot: source.slot, ...budget },
          'the slot has used up most of the WAL that the server keeps for it: find out what holds capture up, or raise max_slot_wal_keep_size',
        ),
    }),
  );
  return { [Symbol.asyncDispose]: () => atMost(2 * partMs, stack.disposeAsync()) };
}
