/** Where a pipeline ends. Delivery is at least once, so `write` must be idempotent. */
export interface Sink<T> extends AsyncDisposable {
  readonly name: string;

  /**
   * Resolves once every value of the batch is durable, and leaves nothing of it behind otherwise.
   * Rejects with a `Refusal` if a value of the batch can never be written, with anything else if
   * the whole may be tried again. Calls `meanwhile` when its server has the most of its work to do.
   */
  write(batch: readonly T[], meanwhile?: () => void): Promise<void>;

  /**
   * Does of the next write what needs no server: that of this very array is then spared it. Promises nothing and
   * never throws; what is wrong with the batch is told by `write`.
   */
  prepare?(batch: readonly T[]): void;
}
