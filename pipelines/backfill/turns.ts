const rangeMs = 400; // Beyond it the server or the way to it is slower than we are.

/**
 * Ranges are sent in turn: the rows of two at once cost each other, and us, their place in the processor's
 * caches. Only where one takes longer than `mostMs` does another begin beside it.
 */
export class Turns {
  readonly #mostMs: number;
  #taken = 0;
  #change = Promise.withResolvers<void>();

  constructor(mostMs = rangeMs) {
    this.#mostMs = mostMs;
  }

  /** Resolves once a range may be sent, or all is over; gives what says that it was, once or more often. */
  async take(signal: AbortSignal): Promise<() => void> {
    const stop = () => this.#changed();
    signal.addEventListener('abort', stop, { once: true });
    while (this.#taken > 0 && !signal.aborted) await this.#change.promise;
    signal.removeEventListener('abort', stop);

    this.#taken++;
    let isOver = false;
    const over = () => {
      if (isOver) return;
      isOver = true;
      clearTimeout(late);
      this.#taken--;
      this.#changed();
    };
    const late = setTimeout(over, this.#mostMs);
    return over;
  }

  #changed(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }
}
