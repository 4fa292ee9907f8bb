/** What one reader has pushed and nobody has taken yet. */
export class Pushed {
  readonly #signal: AbortSignal;
  #waiting = 0;
  #change = Promise.withResolvers<void>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#change.resolve(), { once: true });
  }

  /** Adds one, and returns what is to be called once it is taken. */
  add(): () => void {
    this.#waiting++;
    return () => {
      this.#waiting--;
      this.#change.resolve();
    };
  }

  /** Resolves once fewer wait; false if none was taken for `patienceMs`. Rejects when it is over. */
  async fewerThan(most: number, patienceMs?: number): Promise<boolean> {
    let isLate = false;
    while (this.#waiting >= most && !isLate) {
      this.#signal.throwIfAborted();
      const late =
        patienceMs && setTimeout(() => ((isLate = true), this.#change.resolve()), patienceMs);
      await this.#change.promise;
      if (late) clearTimeout(late);
      this.#change = Promise.withResolvers();
    }
    this.#signal.throwIfAborted();
    return this.#waiting < most;
  }
}
