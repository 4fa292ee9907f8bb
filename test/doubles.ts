import { setImmediate as turn } from 'node:timers/promises';
import type { Delivery, LogPosition, Reading, Source } from '../pipelines/flow/source.ts';
import type { Sink } from '../pipelines/flow/sink.ts';
import type { Refused, SideDoor, Envelope } from '../pipelines/flow/stage.ts';

/** A source of what it was given, from what was confirmed on; it remembers how it was used. */
export class ListSource<T> implements Source<T> {
  readonly deliveries: readonly Delivery<T>[];
  readonly confirmed = new Map<string, bigint>();
  delivered = 0; // Values handed out, in all readings.
  reading = false;
  onConfirm: (position: LogPosition) => void = () => {};

  constructor(deliveries: readonly Delivery<T>[]) {
    this.deliveries = deliveries;
  }

  async *read({ signal }: Reading): AsyncIterable<Delivery<T>> {
    this.reading = true;
    try {
      for (const delivery of this.deliveries) {
        if (signal.aborted) return;
        const { log, at } = delivery.position;
        if (at <= (this.confirmed.get(log) ?? -1n)) continue;
        this.delivered += delivery.values.length;
        yield delivery;
      }
    } finally {
      this.reading = false;
    }
  }

  confirm(position: LogPosition): void {
    this.onConfirm(position);
    this.confirmed.set(position.log, position.at);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** Deliveries of one log, one after another. */
export function deliveries<T>(
  batches: readonly (readonly T[])[],
  log = 'log',
): readonly Delivery<T>[] {
  return batches.map((values, index) => ({
    position: { log, at: BigInt(index + 1) },
    values,
    bytes: values.length * 10,
  }));
}

/** A sink that keeps what it took; `before` decides, write by write, whether it takes it. */
export class ListSink<T> implements Sink<T> {
  readonly name = 'list';
  readonly values: T[] = [];
  readonly told: (readonly ['prepare' | 'write', readonly T[]])[] = []; // In the order it came.
  before: (batch: readonly T[]) => void | Promise<void> = () => {};

  /** Of each write that was tried. */
  get sizes(): readonly number[] {
    return this.told.flatMap(([what, batch]) => (what === 'write' ? [batch.length] : []));
  }

  prepare(batch: readonly T[]): void {
    this.told.push(['prepare', batch]);
  }

  async write(batch: readonly T[], meanwhile?: () => void): Promise<void> {
    this.told.push(['write', batch]);
    meanwhile?.();
    await this.before(batch);
    this.values.push(...batch);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** A side door that keeps what left by it. */
export class ListDoor<T> implements SideDoor<T> {
  readonly envelopes: Envelope<Refused<T>>[] = [];

  next(envelope: Envelope<Refused<T>>): void {
    this.envelopes.push(envelope);
  }

  get refused(): readonly T[] {
    return this.envelopes.flatMap(({ values }) => values.map(({ value }) => value));
  }
}

/** Whether a promise is settled by now, all that was under way having had its turn. */
export async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const mark = Symbol('pending');
  await turn();
  const first = await Promise.race([promise.then(String, String), turn(mark)]);
  return first !== mark;
}

/** Lets everything that is under way have its turn, a few times over. */
export async function turns(count = 5): Promise<void> {
  for (let n = 0; n < count; n++) await turn();
}
