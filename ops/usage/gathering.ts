import type { Sink } from '../../pipelines/flow/sink.ts';

/** That more waits already than may wait: who sends is to come again. */
export class Crowded extends Error {
  override readonly name = 'Crowded';
}

interface Waiting<T> {
  readonly values: readonly T[];
  readonly written: () => void;
  readonly failed: (error: unknown) => void;
}

/** Writes what many bring at a time together: while one batch is written, the next one gathers. */
export class Gathering<T> {
  readonly #sink: Pick<Sink<T>, 'write'>;
  readonly #most: number;
  #waiting: Waiting<T>[] = [];
  #values = 0; // That wait, or are being written.
  #writing = false;

  constructor(sink: Pick<Sink<T>, 'write'>, most: number) {
    this.#sink = sink;
    this.#most = most;
  }

  /** Resolves once all of these are durable. Rejects with `Crowded` before anything of them is. */
  write(values: readonly T[]): Promise<void> {
    if (this.#values > 0 && this.#values + values.length > this.#most)
      return Promise.reject(new Crowded('too much waits to be written'));
    this.#values += values.length;
    return new Promise((written, failed) => {
      this.#waiting.push({ values, written, failed });
      if (!this.#writing) void this.#write();
    });
  }

  async #write(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#sink.write(batch.flatMap(({ values }) => values));
        for (const { written } of batch) written();
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
      for (const { values } of batch) this.#values -= values.length;
    }
    this.#writing = false;
  }
}
