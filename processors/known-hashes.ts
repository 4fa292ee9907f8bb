import type { Halves } from './server-hash.ts';

const places = 4_096; // A power of two.
const longest = 64;

/** The hashes of a column's values that were seen last, by their bytes: most columns have fewer values than rows. */
export class KnownHashes {
  readonly #bytes = new Uint8Array(places * longest);
  readonly #lengths = new Uint8Array(places); // One more than there are, so that none is no value.
  readonly #hashes = new Int32Array(2 * places);
  #place = -1; // Of what was looked for last.

  /** Whether the hash of these bytes is known. */
  find(data: Uint8Array, start: number, end: number, out: Halves): boolean {
    const length = end - start;
    this.#place = -1;
    if (length >= longest) return false;
    let mixed = length;
    for (let at = start; at < end; at++) mixed = (Math.imul(mixed, 31) + (data[at] ?? 0)) | 0;
    const place = (mixed ^ (mixed >>> 12) ^ (mixed >>> 20)) & (places - 1);
    this.#place = place;
    if (this.#lengths[place] !== length + 1) return false;
    const known = place * longest - start;
    for (let at = start; at < end; at++) if (this.#bytes[known + at] !== data[at]) return false;
    out.high = this.#hashes[2 * place] ?? 0;
    out.low = this.#hashes[2 * place + 1] ?? 0;
    return true;
  }

  /** Keeps the hash of the bytes that were just looked for. */
  keep(data: Uint8Array, start: number, end: number, { high, low }: Halves): void {
    const place = this.#place;
    if (place < 0) return;
    const known = place * longest - start;
    for (let at = start; at < end; at++) this.#bytes[known + at] = data[at] ?? 0;
    this.#lengths[place] = end - start + 1;
    this.#hashes[2 * place] = high;
    this.#hashes[2 * place + 1] = low;
  }
}
