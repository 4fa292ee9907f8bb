import type { Position } from '../../schemas/position.ts';

const wordsAhead = 8; // The key's hash, the position, and whether the row is there.
const presentAt = 7;
const slotsOfPage = 1_024; // When it is kept.

/**
 * What is known of each key of one lane, in flat memory: the newest position, and a hash per column. A
 * slot is a row of 32-bit words.
 */
export class KeyTable {
  readonly #columns: number;
  readonly #width: number;
  #words: Int32Array;
  #index: Int32Array; // From a key's hash to its slot, plus one.
  #count = 0;
  readonly #moved = new Set<number>(); // Pages in which something was, since they were last taken.

  constructor(columns: number, expected: number) {
    this.#columns = columns;
    this.#width = wordsAhead + 2 * columns;
    const room = Math.max(1_024, expected);
    this.#words = new Int32Array(room * this.#width);
    this.#index = new Int32Array(powerAbove(room * 2));
  }

  get count(): number {
    return this.#count;
  }

  /** All words of it: those of a slot's key begin at `keyAt`, of the hashes of its columns at `columnsAt`. */
  get words(): Int32Array {
    return this.#words;
  }

  keyAt(slot: number): number {
    return slot * this.#width;
  }

  columnsAt(slot: number): number {
    return slot * this.#width + wordsAhead;
  }

  /** Where the row of a slot stands. */
  positionOf(slot: number): Position {
    const start = slot * this.#width;
    const word = (at: number) => (this.#words[start + at] ?? 0) >>> 0;
    const lsn = (BigInt(word(3)) << 32n) | BigInt(word(4));
    return { timeline: word(2), lsn, seq: word(5), part: word(6) };
  }

  /** The slot of a key; -1 if it is not known. */
  find(high: number, low: number): number {
    const mask = this.#index.length - 1;
    for (let at = (low ^ (high >>> 7)) & mask; ; at = (at + 1) & mask) {
      const slot = (this.#index[at] ?? 0) - 1;
      if (slot < 0) return -1;
      const start = slot * this.#width;
      if (this.#words[start] === high && this.#words[start + 1] === low) return slot;
    }
  }

  /** The slot of a key, new or known. */
  slotOf(high: number, low: number): number {
    if ((this.#count + 1) * this.#width > this.#words.length) this.#grow();
    const mask = this.#index.length - 1;
    let at = (low ^ (high >>> 7)) & mask;
    for (;;) {
      const slot = (this.#index[at] ?? 0) - 1;
      if (slot < 0) break;
      const start = slot * this.#width;
      if (this.#words[start] === high && this.#words[start + 1] === low) return slot;
      at = (at + 1) & mask;
    }
    this.#index[at] = this.#count + 1;
    const start = this.#count * this.#width;
    this.#words[start] = high;
    this.#words[start + 1] = low;
    this.#moved.add(Math.floor(this.#count / slotsOfPage));
    return this.#count++;
  }

  /** Whether a position is newer than what is known of a key, of which anything is. */
  isNewer(slot: number, position: Position): boolean {
    const start = slot * this.#width;
    const words = this.#words;
    const { timeline, lsn, seq, part } = position;
    const known = words[start + 2] ?? 0;
    if (timeline !== known) return timeline > known;
    const high = Number(lsn >> 32n);
    const low = Number(lsn & 0xffff_ffffn);
    const order = high - ((words[start + 3] ?? 0) >>> 0) || low - ((words[start + 4] ?? 0) >>> 0);
    return (order || seq - (words[start + 5] ?? 0) || part - (words[start + 6] ?? 0)) > 0;
  }

  move(slot: number, { timeline, lsn, seq, part }: Position, presence: boolean | number): void {
    this.#moved.add(Math.floor(slot / slotsOfPage));
    const at = slot * this.#width + 2;
    const words = this.#words;
    words[at] = timeline;
    words[at + 1] = Number(lsn >> 32n);
    words[at + 2] = Number(lsn & 0xffff_ffffn);
    words[at + 3] = seq;
    words[at + 4] = part;
    words[at + 5] = Number(presence);
  }

  /** What was last said of it: zero if it is not there. */
  presence(slot: number): number {
    return this.#words[slot * this.#width + presentAt] ?? 0;
  }

  isPresent(slot: number): boolean {
    return this.#words[slot * this.#width + presentAt] === 1;
  }

  remove(slot: number): void {
    this.#words[slot * this.#width + presentAt] = 0;
  }

  setColumn(slot: number, column: number, high: number, low: number): void {
    const at = slot * this.#width + wordsAhead + 2 * column;
    this.#words[at] = high;
    this.#words[at + 1] = low;
  }

  /** The hashes of all columns of a row, laid over each other. */
  fold(slot: number, columns: readonly boolean[]): { readonly high: number; readonly low: number } {
    let high = 0;
    let low = 0;
    const start = slot * this.#width + wordsAhead;
    for (let column = 0; column < this.#columns; column++) {
      if (!columns[column]) continue;
      high ^= this.#words[start + 2 * column] ?? 0;
      low ^= this.#words[start + 2 * column + 1] ?? 0;
    }
    return { high, low };
  }

  /** The pages in which anything has changed since they were last taken. */
  takePages(): ReadonlyMap<number, Buffer> {
    const size = slotsOfPage * this.#width;
    const pages = new Map<number, Buffer>();
    for (const page of this.#moved) {
      const words = this.#words.subarray(
        page * size,
        Math.min((page + 1) * size, this.#count * this.#width),
      );
      pages.set(page, Buffer.from(words.buffer, words.byteOffset, words.byteLength));
    }
    this.#moved.clear();
    return pages;
  }

  /** Takes up all pages of another table of as many columns: this one must be new. */
  putPages(pages: ReadonlyMap<number, Buffer>): void {
    for (const page of [...pages.keys()].toSorted((a, b) => a - b)) {
      const bytes = pages.get(page) ?? Buffer.alloc(0);
      const words = new Int32Array(Uint8Array.from(bytes).buffer);
      for (let at = 0; at < words.length; at += this.#width) {
        const slot = this.slotOf(words[at] ?? 0, words[at + 1] ?? 0);
        this.#words.set(words.subarray(at, at + this.#width), slot * this.#width);
      }
    }
    this.#moved.clear();
  }

  #grow(): void {
    const words = new Int32Array(this.#words.length * 2);
    words.set(this.#words);
    this.#words = words;
    const mask = this.#index.length * 2 - 1;
    this.#index = new Int32Array(mask + 1);
    for (let slot = 0; slot < this.#count; slot++) {
      const start = slot * this.#width;
      let at = ((words[start + 1] ?? 0) ^ ((words[start] ?? 0) >>> 7)) & mask;
      while (this.#index[at] !== 0) at = (at + 1) & mask;
      this.#index[at] = slot + 1;
    }
  }
}

const powerAbove = (least: number): number => 2 ** Math.ceil(Math.log2(least));
