/** Numbers the keys of a batch by their bytes, the same key the same number. Nothing is made of a key. */
export class KeyNumbers {
  #slots = new Int32Array(1_024); // A key's number and one more; 0 where none is.
  readonly #keys: Buffer[] = [];
  readonly #tables: number[] = [];
  readonly #hashes: number[] = [];

  /** Forgets all, and makes room for so many. */
  clear(most: number): void {
    this.#keys.length = 0;
    this.#tables.length = 0;
    this.#hashes.length = 0;
    if (this.#slots.length >= most * 2) this.#slots.fill(0);
    else this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(most * 2)));
  }

  /** The number of a key of a table: the next one if it is a new one. */
  of(table: number, key: Buffer): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const hash = hashOf(table, key);
    let at = (hash ^ (hash >>> 15)) & mask;
    for (;;) {
      const number = (slots[at] ?? 0) - 1;
      if (number < 0) break;
      if (this.#is(number, table, key, hash)) return number;
      at = (at + 1) & mask;
    }
    slots[at] = this.#keys.push(key);
    this.#tables.push(table);
    this.#hashes.push(hash);
    return this.#keys.length - 1;
  }

  #is(number: number, table: number, key: Buffer, hash: number): boolean {
    if (this.#hashes[number] !== hash || this.#tables[number] !== table) return false;
    return this.#keys[number]?.equals(key) ?? false;
  }
}

function hashOf(table: number, key: Buffer): number {
  let hash = 0x811c9dc5 ^ table;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ (key[at] ?? 0), 0x01000193);
  return hash | 0;
}
