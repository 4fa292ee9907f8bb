import type { Captured, Output } from '../../processors/transcode/output.ts';
import type { Delivery } from '../flow/source.ts';
import type { Gulp, Reading } from './range-reader.ts';

/** What is handed on, and the range that is whole with it. */
interface Taken {
  readonly delivery: Delivery<Captured>;
  readonly whole: Reading | null;
}

const deliveryBytes = 2 * 1024 * 1024;

/**
 * What was read and is not records yet, and what is records and was not handed on: small deliveries are
 * dear to everyone behind, so the records of a range gather until they are many, or all.
 */
export class Gathered {
  readonly #output: Output;
  readonly #gulps: Gulp[] = [];
  #filling: Reading | null = null; // Whose records are not handed on yet.
  #isLeft = false; // Nothing more comes of it.

  constructor(output: Output) {
    this.#output = output;
  }

  /** Whether there is something to take. */
  get isWaiting(): boolean {
    return this.#gulps.length > 0 || (this.#filling !== null && this.#isLeft);
  }

  /** Whether records wait for more of their range. */
  get isFilling(): boolean {
    return this.#filling !== null;
  }

  push(gulp: Gulp): void {
    this.#gulps.push(gulp);
  }

  /** Says that the read of this number has failed: what was made of it is no less true, and waits for no more. */
  leave(read: number): void {
    if (this.#filling?.read === read) this.#isLeft = true;
  }

  /** Makes records of what waits, of one range at a time; null as long as they are few. */
  take(): Taken | null {
    const filling = this.#filling;
    let gulp = filling ? this.#nextOf(filling) : this.#gulps[0];
    if (!gulp) return this.isWaiting ? this.rest() : null;
    const { reading } = gulp;
    this.#filling = reading;
    this.#isLeft = false;
    for (; gulp; gulp = this.#output.bytes < deliveryBytes ? this.#nextOf(reading) : undefined) {
      this.#gulps.splice(this.#gulps.indexOf(gulp), 1);
      reading.encode(gulp);
      gulp.taken();
      if (gulp.isLast) return reading.isWhole ? this.#handOn(reading, reading) : this.rest();
    }
    return this.#output.bytes < deliveryBytes ? null : this.rest();
  }

  /** The records that were made and not handed on yet. They go before whatever the stream has changed since. */
  rest(): Taken | null {
    return this.#filling && this.#handOn(this.#filling, null);
  }

  #handOn({ log, read, before }: Reading, whole: Reading | null): Taken {
    this.#filling = null;
    const position = { log, at: BigInt(whole ? read : before) };
    return { delivery: { position, ...this.#output.take() }, whole };
  }

  #nextOf(reading: Reading): Gulp | undefined {
    return this.#gulps.find((gulp) => gulp.reading === reading);
  }
}
