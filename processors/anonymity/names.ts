import { NameList, wordAt } from './name-list.ts';

const none = -1;
const firstRoom = 1_024;

/**
 * Gives pseudonyms small numbers, in so little memory that a million of them are 24 MB. They are keyed, so that
 * nobody chooses them, and their first word serves as their hash.
 */
export class Names {
  readonly #names = new NameList();
  #slots = new Int32Array(2 * firstRoom).fill(none); // Numbers, by hash; open addressing.
  #free: number[] = []; // Numbers that were given back.
  #next = 0;

  /** Numbers are below this. */
  get limit(): number {
    return this.#next;
  }

  /** The number of a name; -1 if it has none. */
  find(name: string): number {
    for (let slot = wordAt(name, 0) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const number = this.#slots[slot] ?? none;
      if (number === none || this.#names.is(number, name)) return number;
    }
  }

  /** The number of a name, a new one if it had none. */
  add(name: string): number {
    const found = this.find(name);
    if (found !== none) return found;
    const number = this.#free.pop() ?? this.#next++;
    if (this.#next * 2 > this.#slots.length) this.#grow();
    this.#names.set(number, name);
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
      const wanted = this.#hashOf(other) & this.#mask;
      if (((slot - wanted) & this.#mask) < ((slot - hole) & this.#mask)) continue;
      this.#slots[hole] = other;
      hole = slot;
    }
    this.#slots[hole] = none;
  }

  nameOf(number: number): string {
    return this.#names.at(number);
  }

  get #mask(): number {
    return this.#slots.length - 1;
  }

  /** Its first word serves as its hash. */
  #hashOf(number: number): number {
    return this.#names.word(number, 0);
  }

  #enter(number: number): void {
    let slot = this.#hashOf(number) & this.#mask;
    while ((this.#slots[slot] ?? none) !== none) slot = (slot + 1) & this.#mask;
    this.#slots[slot] = number;
  }

  #slotOf(number: number): number {
    let slot = this.#hashOf(number) & this.#mask;
    while (this.#slots[slot] !== number) slot = (slot + 1) & this.#mask;
    return slot;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(old.length * 2).fill(none);
    for (const number of old) if (number !== none) this.#enter(number);
  }
}
