import { Observable } from 'rxjs';
import type { OperatorFunction } from 'rxjs';
import { Refusal } from '../../schemas/refusal.ts';
import type { Sink } from './sink.ts';
import type { Envelope, Refused, SideDoor } from './stage.ts';

export interface Batching<T> {
  readonly size: number; // A batch is written when it has this many values,
  readonly lingerMs: number; // or when its first value has waited this long and the sink is idle.
  readonly weigh?: (value: T) => number; // What a value counts for in the figures; 1 if it does not say.
}

/**
 * Writes batches in order, one at a time, and settles each once it is durable. What arrives during a
 * write goes with the next; where a sink prepares, that one is made ready while the sink waits for its server.
 * A batch that the sink refuses is cut in halves until the value is found that can never pass; that one
 * leaves by the side door.
 */
export function into<T>(
  sink: Sink<T>,
  { size, lingerMs, weigh = () => 1 }: Batching<T>,
  refused: SideDoor<T>,
): OperatorFunction<Envelope<T>, number> {
  return (envelopes) =>
    new Observable((subscriber) => {
      const waiting: Envelope<T>[] = [];
      let values = 0;
      let prepared: Batch<T> | null = null;
      let ended = false;
      let writing = false;
      let isWaiting = false; // A write is with the sink's server.
      let linger: NodeJS.Timeout | undefined;

      const take = (): Batch<T> => {
        const batch = batchOf(takeUpTo(waiting, size));
        values -= batch.values.length;
        return batch;
      };
      const prepareNext = (fewest: number) => {
        if (prepared || !sink.prepare || values < fewest || subscriber.closed) return;
        prepared = take();
        sink.prepare(prepared.values);
      };
      const meanwhile = () => {
        isWaiting = true;
        prepareNext(size / 2);
      };
      const pump = async () => {
        clearTimeout(linger);
        linger = undefined;
        if (writing) return;
        writing = true;
        while ((prepared || waiting.length > 0) && !subscriber.closed) {
          const batch = prepared ?? take();
          prepared = null;
          isWaiting = false;
          const poison = await writeAround(sink, batch.values, meanwhile);
          subscriber.next(settled(batch, poison, weigh, refused));
        }
        writing = isWaiting = false;
        if (ended) subscriber.complete();
      };
      const start = () => void pump().catch((error: unknown) => subscriber.error(error));

      const subscription = envelopes.subscribe({
        next(envelope) {
          waiting.push(envelope);
          values += envelope.values.length;
          if (isWaiting) prepareNext(size);
          if (lingerMs === 0 || values >= size) start();
          else linger ??= setTimeout(start, lingerMs);
        },
        error: (error) => subscriber.error(error),
        complete() {
          ended = true;
          start();
        },
      });
      return () => {
        clearTimeout(linger);
        subscription.unsubscribe();
      };
    });
}

function takeUpTo<T>(waiting: Envelope<T>[], size: number): Envelope<T>[] {
  let values = 0;
  let take = 0;
  for (const envelope of waiting) {
    if (take > 0 && values + envelope.values.length > size) break;
    values += envelope.values.length;
    take++;
  }
  return waiting.splice(0, take);
}

interface Batch<T> {
  readonly envelopes: readonly Envelope<T>[];
  readonly values: readonly T[];
}

const batchOf = <T>(envelopes: readonly Envelope<T>[]): Batch<T> => ({
  envelopes,
  values: envelopes.flatMap((envelope) => envelope.values),
});

/** Settles what was written, and lets the rest out by the side door. Returns the weight of what was written. */
function settled<T>(
  { envelopes, values }: Batch<T>,
  poison: readonly Poison<T>[],
  weigh: (value: T) => number,
  refused: SideDoor<T>,
): number {
  let first = 0;
  for (const { values: own, settle } of envelopes) {
    const end = first + own.length;
    const stopped = poison.filter(({ index }) => index >= first && index < end);
    first = end;
    if (stopped.length === 0) settle();
    else refused.next({ values: stopped, settle });
  }
  const all = values.reduce((sum, value) => sum + weigh(value), 0);
  return poison.reduce((sum, { value }) => sum - weigh(value), all);
}

/** A value that can never be written, and which of all it is. */
interface Poison<T> extends Refused<T> {
  readonly index: number;
}

/**
 * Writes all that can be written, in order, in O(log n) writes per value that can not. What was cut apart
 * from a value in whose way it was is tried once more with the others in the way, as long as they become fewer.
 */
export async function writeAround<T>(
  sink: Pick<Sink<T>, 'write'>,
  values: readonly T[],
  meanwhile?: () => void,
): Promise<readonly Poison<T>[]> {
  let poison: readonly Poison<T>[] = await writeHalves(sink, values, 0, meanwhile);
  for (let tried = values.length; ;) {
    const again = poison.filter(({ refusal }) => refusal.isInTheWay);
    if (again.length === 0 || again.length === tried) break;
    tried = again.length;
    const left = await writeHalves(
      sink,
      again.map(({ value }) => value),
    );
    const still = left.map((each) => ({ ...each, index: again[each.index]?.index ?? -1 }));
    poison = [...poison.filter(({ refusal }) => !refusal.isInTheWay), ...still];
  }
  return poison.toSorted((a, b) => a.index - b.index);
}

async function writeHalves<T>(
  sink: Pick<Sink<T>, 'write'>,
  values: readonly T[],
  offset = 0,
  meanwhile?: () => void,
): Promise<readonly Poison<T>[]> {
  try {
    await sink.write(values, meanwhile);
    return [];
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const [value] = values;
    if (values.length === 1 && value !== undefined)
      return [{ index: offset, value, refusal: error }];
    const half = Math.ceil(values.length / 2);
    const first = await writeHalves(sink, values.slice(0, half), offset);
    return [...first, ...(await writeHalves(sink, values.slice(half), offset + half))];
  }
}
