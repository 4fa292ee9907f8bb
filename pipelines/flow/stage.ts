import { filter, map, Observable } from 'rxjs';
import type { OperatorFunction } from 'rxjs';
import { Refusal } from '../../schemas/refusal.ts';
import { Ledger, type Room } from './ledger.ts';
import type { Source } from './source.ts';

/** Values in flight, and the one `settle` they owe: when all are durable, withheld, or durable dead letters. */
export interface Envelope<T> {
  readonly values: readonly T[];
  readonly settle: () => void;
}

/** One value in; none (withheld), one or many out. Pure and synchronous. Throws a `Refusal` to refuse. */
export type Processor<In, Out = In> = (value: In) => readonly Out[];

export interface Refused<T> {
  readonly value: T;
  readonly refusal: Refusal;
}

/** Takes what was refused, envelope and all. */
export interface SideDoor<T> {
  next(envelope: Envelope<Refused<T>>): void;
}

export interface Pulling {
  readonly room: Room;
  readonly signal: AbortSignal;
  /** Told of the ledger, so that a worker can say how much is in flight and for how long. */
  readonly watch?: (ledger: Ledger) => void;
}

/**
 * Pulls until `signal` aborts or the source ends. No more than `room` is unsettled at any time, so
 * every buffer that RxJS keeps downstream is bounded by it too.
 */
export function pull<T>(
  source: Source<T>,
  { room, signal, watch }: Pulling,
): Observable<Envelope<T>> {
  return new Observable((subscriber) => {
    const unsubscribed = new AbortController();
    const ledger = new Ledger(room, (position) => source.confirm(position));
    watch?.(ledger);

    const run = async () => {
      const reading = {
        signal: AbortSignal.any([signal, unsubscribed.signal]),
        revoked: (log: string) => ledger.forget(log),
        quiet: () => ledger.quiet(),
      };
      for await (const { position, values, bytes } of source.read(reading)) {
        const settle = ledger.track(position, { values: values.length, bytes });
        if (values.length === 0) settle();
        else subscriber.next({ values, settle });
        await ledger.room();
      }
      subscriber.complete();
    };

    run().catch((error: unknown) => subscriber.error(error));
    return () => {
      unsubscribed.abort();
      ledger.close();
    };
  });
}

/** Lifts a processor over whole batches. A refused value leaves by the side door, its envelope still open. */
export function each<In, Out>(
  process: Processor<In, Out>,
  refused: SideDoor<In>,
): OperatorFunction<Envelope<In>, Envelope<Out>> {
  let passed: Out[] = [];
  return gathered<In, Out>(
    {
      add(value) {
        for (const out of process(value)) passed.push(out);
      },
      take() {
        const taken = passed;
        passed = [];
        return taken;
      },
    },
    refused,
  );
}

/** Makes something of a batch as a whole. Synchronous; `add` throws a `Refusal` to refuse, and then has kept nothing of the value. */
export interface Gatherer<In, Out> {
  add(value: In): void;
  /** What became of all that was added since the last time. */
  take(): readonly Out[];
}

/** Hands a gatherer batch after batch. A refused value leaves by the side door, its envelope still open. */
export function gathered<In, Out>(
  gatherer: Gatherer<In, Out>,
  refused: SideDoor<In>,
): OperatorFunction<Envelope<In>, Envelope<Out>> {
  return (envelopes) =>
    envelopes.pipe(
      map(({ values, settle }) => {
        const stopped: Refused<In>[] = [];
        for (const value of values) {
          try {
            gatherer.add(value);
          } catch (refusal) {
            if (!(refusal instanceof Refusal)) throw refusal;
            stopped.push({ value, refusal });
          }
        }
        const passed = gatherer.take();
        if (passed.length === 0 && stopped.length === 0) settle();
        const one = stopped.length > 0 && passed.length > 0 ? shared(2, settle) : settle;
        if (stopped.length > 0) refused.next({ values: stopped, settle: one });
        return { values: passed, settle: one };
      }),
      filter(({ values }) => values.length > 0),
    );
}

/** Settles with the last of `owners`. */
function shared(owners: number, settle: () => void): () => void {
  let open = owners;
  return () => {
    if (--open === 0) settle();
  };
}
