import { type Cipheriv, createCipheriv, createHmac, type KeyObject } from 'node:crypto';

const zeroCounter = Buffer.alloc(16);
const firstBytes = 64; // Most draws need less.
const mostBytes = 4_096;

/**
 * An endless stream of random bits that its key and its name decide alone: HMAC-SHA-256 of the name gives the
 * key of an AES-256-CTR keystream. The same name gives the same bits for ever; two names share nothing.
 */
export class Bits {
  readonly #stream: Cipheriv;
  #bytes = Buffer.alloc(0);
  #at = 0;
  #left = 0; // Bits of `#byte` that nobody has had yet.
  #byte = 0;

  constructor(key: KeyObject, name: readonly (string | number)[]) {
    const own = createHmac('sha256', key).update(JSON.stringify(name)).digest();
    this.#stream = createCipheriv('aes-256-ctr', own, zeroCounter);
  }

  /** A fair coin. */
  coin(): boolean {
    return this.#take() === 1;
  }

  /** A whole number from 0 up to and without `bound`, each equally likely. */
  below(bound: bigint): bigint {
    if (bound <= 0n) throw new RangeError('nothing is below a bound that is not positive');
    const length = (bound - 1n).toString(2).length;
    for (;;) {
      let drawn = 0n;
      for (let bit = 0; bit < length; bit++) drawn = (drawn << 1n) | BigInt(this.#take());
      if (drawn < bound) return drawn; // What is too great is thrown away whole: a remainder would favour some.
    }
  }

  #take(): number {
    if (this.#left === 0) {
      this.#byte = this.#next();
      this.#left = 8;
    }
    return (this.#byte >> --this.#left) & 1;
  }

  #next(): number {
    if (this.#at === this.#bytes.length) {
      const size = Math.min(Math.max(this.#bytes.length * 2, firstBytes), mostBytes);
      this.#bytes = this.#stream.update(Buffer.alloc(size));
      this.#at = 0;
    }
    return this.#bytes[this.#at++] ?? 0;
  }
}
