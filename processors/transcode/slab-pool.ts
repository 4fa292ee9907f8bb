import type { Records } from '../../schemas/records.ts';

const mostKept = 24 * 1024 * 1024; // More than is in flight: what is made anew has the collector look through the whole heap.
const leastSize = 4_096;

/** Buffers that were sent and are used again: memory outside of the heap is dear to give back. */
export class SlabPool {
  readonly #free: Buffer[] = [];
  #bytes = 0;

  /** A buffer of about the size that was needed before. */
  take(size: number): Buffer {
    const wanted = Math.max(leastSize, size);
    for (let index = this.#free.length - 1; index >= 0; index--) {
      const found = this.#free[index];
      if (!found || found.length < wanted / 2) continue;
      this.#free.splice(index, 1);
      this.#bytes -= found.length;
      return found;
    }
    return Buffer.allocUnsafeSlow(wanted);
  }

  /** Takes back what records lay in. Nobody may look at them any more. */
  recycle({ bytes }: Records): void {
    if (this.#bytes + bytes.buffer.byteLength > mostKept) return;
    const whole = Buffer.from(bytes.buffer);
    this.#free.push(whole);
    this.#bytes += whole.length;
  }
}
