/** How long a name is: a keyed pseudonym's first bytes, one character each. */
export const nameLength = 16;

const none = -1;
const firstRoom = 1_024;
const scratch = Buffer.alloc(nameLength);

/**
 * Gives pseudonyms small numbers, in so little memory that a million of them are 24 MB. They are keyed, so that
 * nobody chooses them, and their first word serves as their hash.
 */
export class Names {
  #words = new Int32Array(4 * firstRoom); // Four by number.
  #slots = new Int32Array(2 * firstRoom).fill(none); // Numbers, by hash; open addressing.
  #free: number[] = []; // Numbers that were given back.
  #next = 0;

  /** Numbers are below this. */
  get limit(): number {
    return this.#next;
  }

  /** The number of a name; -1 if it has none. */
  find(name: string): number {
    const first = wordAt(name, 0);
    for (let slot = first & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const number = this.#slots[slot] ?? none;
      if (number === none || this.#is(number, first, name)) return number;
    }
  }

  /** The number of a name, a new one if it had none. */
  add(name: string): number {
    const found = this.find(name);
    if (found !== none) return found;
    const number = this.#free.pop() ?? this.#next++;
    if (this.#next * 2 > this.#slots.length) this.#grow();
    for (let word = 0; word < 4; word++) this.#words[4 * number + word] = wordAt(name, 4 * word);
    this.#enter(number);
    return number;
  }

  /** Forgets a number and its name; it may be another's from now on. */
  remove(number: number): void {
    let hole = this.#slotOf(number);
    this.#free.push(number);
    // Those behind it may have been put there only because it was in their way.
    for (let slot = hole; ;) {
      slot = (slot + 1) & this.#mask;
      const other = this.#slots[slot] ?? none;
      if (other === none) break;
      const wanted = this.#word(other) & this.#mask;
      if (((slot - wanted) & this.#mask) < ((slot - hole) & this.#mask)) continue;
      this.#slots[hole] = other;
      hole = slot;
    }
    this.#slots[hole] = none;
  }

  nameOf(number: number): string {
    for (let word = 0; word < 4; word++)
      scratch.writeInt32BE(this.#words[4 * number + word] ?? 0, 4 * word);
    return scratch.toString('latin1', 0, nameLength);
  }

  get #mask(): number {
    return this.#slots.length - 1;
  }

  #word(number: number): number {
    return this.#words[4 * number] ?? 0;
  }

  #is(number: number, first: number, name: string): boolean {
    const at = 4 * number;
    const words = this.#words;
    return (
      words[at] === first &&
      words[at + 1] === wordAt(name, 4) &&
      words[at + 2] === wordAt(name, 8) &&
      words[at + 3] === wordAt(name, 12)
    );
  }

  #enter(number: number): void {
    let slot = this.#word(number) & this.#mask;
    while ((this.#slots[slot] ?? none) !== none) slot = (slot + 1) & this.#mask;
    this.#slots[slot] = number;
  }

  #slotOf(number: number): number {
    let slot = this.#word(number) & this.#mask;
    while (this.#slots[slot] !== number) slot = (slot + 1) & this.#mask;
    return slot;
  }

  #grow(): void {
    const words = new Int32Array(this.#words.length * 2);
    words.set(this.#words);
    this.#words = words;
    const numbers = this.#slots.filter((number) => number !== none);
    this.#slots = new Int32Array(this.#slots.length * 2).fill(none);
    for (const number of numbers) this.#enter(number);
  }
}

const wordAt = (name: string, at: number): number =>
  (name.charCodeAt(at) << 24) |
  (name.charCodeAt(at + 1) << 16) |
  (name.charCodeAt(at + 2) << 8) |
  name.charCodeAt(at + 3);
