/** Does work anew whenever there is news, one turn after the other. News of before the beginning, or amid it, are not lost. */
export class InTurn {
  readonly #work: () => Promise<void>;
  #hasBegun = false;
  #working = Promise.resolve();

  /** Work tells of its own failures: it never rejects. */
  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  /** The first turn, which may fail, and then one for what came meanwhile. */
  async begin(first: () => Promise<void>): Promise<void> {
    await first();
    this.#hasBegun = true;
    this.news();
  }

  news(): void {
    if (this.#hasBegun) this.#working = this.#working.then(this.#work);
  }

  /** No turn begins any more; resolves when those that had been asked for are over. */
  end(): Promise<void> {
    this.#hasBegun = false;
    return this.#working;
  }
}
