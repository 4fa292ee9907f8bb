import type { Observable } from 'rxjs';
import type { Room } from '../../pipelines/flow/ledger.ts';
import type { Pulling } from '../../pipelines/flow/stage.ts';
import type { Setting } from './setting.ts';

/** A pipeline with its ends connected, ready to run once. To run it again, open it anew. */
export interface Opened extends AsyncDisposable {
  run(signal: AbortSignal): Observable<number>;
}

/** Disposes of what was opened, in reverse order, whatever fails on the way. */
export async function openAll(
  open: (stack: AsyncDisposableStack) => Promise<Opened['run']>,
): Promise<Opened> {
  await using stack = new AsyncDisposableStack();
  const run = await open(stack);
  const kept = stack.move();
  return { run, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

export function pulling(
  { config, counters }: Setting,
  signal: AbortSignal,
  times: Room = { values: 1, bytes: 1 },
): Pulling {
  const { inFlightValues, inFlightBytes } = config.worker;
  const room = { values: inFlightValues * times.values, bytes: inFlightBytes * times.bytes };
  return { room, signal, watch: (ledger) => counters.watch(ledger) };
}
