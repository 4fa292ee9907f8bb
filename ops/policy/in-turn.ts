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

  /** Resolves when all turns so far are over. */
  over(): Promise<void> {
    return this.#working;
  }
}
