/** Where a pipeline ends. Delivery is at least once, so `write` must be idempotent. */
export interface Sink<T> extends AsyncDisposable {
  readonly name: string;

  /**
   * Resolves once every value of the batch is durable, and leaves nothing of it behind otherwise.
   * Rejects with a `Refusal` if a value of the batch can never be written, with anything else if
   * the whole may be tried again.
   */
  write(batch: readonly T[]): Promise<void>;
}
