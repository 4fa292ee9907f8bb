import type { Decoded } from '../../schemas/change.ts';

/** What has arrived and was not taken yet. */
interface Arrived {
  readonly values: readonly Decoded[];
  readonly bytes: number;
  readonly at: bigint; // All up to here has arrived whole.
}

const mostValues = 5_000;

/** Between the socket, which pushes, and the source, which is pulled: it asks the socket to wait when it is full. */
export class Inbox {
  readonly values: Decoded[] = [];
  readonly #limitBytes: number;
  #bytes = 0;
  #at: bigint;
  #taken: bigint;
  #failure: Error | null = null;
  #arrival = Promise.withResolvers<void>();
  #space = Promise.withResolvers<void>();

  constructor(at: bigint, limitBytes: number) {
    this.#at = at;
    this.#taken = at;
    this.#limitBytes = limitBytes;
  }

  /** Says that a message was read, its changes pushed to `values`, and how far all has arrived whole. */
  arrived(bytes: number, at: bigint | null): void {
    this.#bytes += bytes;
    if (at !== null && at > this.#at) this.#at = at;
    if (this.values.length > 0 || this.#at > this.#taken) this.#arrival.resolve();
  }

  fail(error: Error): void {
    this.#failure ??= error;
    this.#arrival.resolve();
    this.#space.resolve();
  }

  /** What the socket is to wait for before it reads on; nothing, as long as there is space. */
  space(): Promise<void> | undefined {
    const full = this.#bytes >= this.#limitBytes || this.values.length >= mostValues;
    return full && !this.#failure ? this.#space.promise : undefined;
  }

  /** Waits for something, at most until `signal` or `patienceMs`; empty-handed when nothing came. */
  async take(signal: AbortSignal, patienceMs: number): Promise<Arrived | null> {
    const timer = setTimeout(() => this.#arrival.resolve(), patienceMs);
    const stop = () => this.#arrival.resolve();
    signal.addEventListener('abort', stop, { once: true });
    await this.#arrival.promise;
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
    this.#arrival = Promise.withResolvers();

    if (this.#failure) throw this.#failure;
    if (this.values.length === 0 && this.#at === this.#taken) return null;
    const taken = { values: this.values.splice(0), bytes: this.#bytes, at: this.#at };
    this.#taken = this.#at;
    this.#bytes = 0;
    this.#space.resolve();
    this.#space = Promise.withResolvers();
    return taken;
  }
}
