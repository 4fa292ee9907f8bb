import { groupBy, mergeMap, type OperatorFunction } from 'rxjs';
import { type Batching, into } from './into.ts';
import type { Sink } from './sink.ts';
import type { Envelope, SideDoor } from './stage.ts';

export interface Writers<T> extends Batching<T> {
  readonly writers: number;
  readonly laneOf: (value: T) => number; // The same for all values of an envelope.
}

/**
 * Writes up to so many batches at once, for a sink that takes them beside each other. A lane, and with it the order of
 * each key, stays with one writer.
 */
export function intoLanes<T>(
  sink: Sink<T>,
  { writers, laneOf, ...batching }: Writers<T>,
  refused: SideDoor<T>,
): OperatorFunction<Envelope<T>, number> {
  const writerOf = new Map<number, number>();
  const writer = ({ values: [value] }: Envelope<T>): number => {
    const lane = value === undefined ? 0 : laneOf(value);
    const known = writerOf.get(lane) ?? writerOf.size % writers;
    writerOf.set(lane, known);
    return known;
  };
  return (envelopes) =>
    envelopes.pipe(
      groupBy(writer),
      mergeMap((lanes) => lanes.pipe(into(sink, batching, refused))),
    );
}
