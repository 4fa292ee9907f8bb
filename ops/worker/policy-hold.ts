import { type Observable, Subject, takeUntil } from 'rxjs';
import type { Sink } from '../../pipelines/flow/sink.ts';

/** Lets a pipeline tell what it tells until a policy hides some of it; then nothing more leaves, whatever policy comes after. */
export class PolicyHold {
  readonly #hidden = new Subject<never>();
  #refusal: Error | null = null;

  /** From now on nothing is told any more, and this is why. */
  end(refusal: Error): void {
    this.#refusal ??= refusal;
    this.#hidden.error(this.#refusal);
  }

  /** Throws why nothing is told any more, if so it is. */
  check(): void {
    if (this.#refusal) throw this.#refusal;
  }

  /** A sink that takes nothing any more once nothing is to be told. */
  sink<T>(sink: Sink<T>): Sink<T> {
    return {
      ...sink,
      write: async (batch) => {
        this.check();
        await sink.write(batch);
      },
    };
  }

  /** The pipeline, which fails once nothing is to be told, also while nothing comes. */
  run<T>(pipeline: Observable<T>): Observable<T> {
    return pipeline.pipe(takeUntil(this.#hidden));
  }
}
