/** What is being sent, one after the other, while the next is decided already. */
export class Sending {
  #last: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | null = null;

  begin(sending: Promise<void>): void {
    this.#last = sending;
    sending.catch((error: unknown) => (this.#failure ??= { error }));
  }

  /** Waits until all is sent; throws what it failed by. */
  async done(): Promise<void> {
    await this.#last;
  }

  /** Throws what it failed by, if it has: where nothing more comes, nobody waits until it is done. */
  check(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
