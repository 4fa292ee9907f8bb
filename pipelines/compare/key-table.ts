import type { Position } from '../../schemas/position.ts';

const wordsAhead = 8; // The key's hash, the position, and whether the row is there.
const presentAt = 7;

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

  move(slot: number, { timeline, lsn, seq, part }: Position, present: boolean): void {
    const start = slot * this.#width;
    this.#words.set(
      [timeline, Number(lsn >> 32n), Number(lsn & 0xffff_ffffn), seq, part, present ? 1 : 0],
      start + 2,
    );
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
