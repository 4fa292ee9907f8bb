const names = 16;

/** Whether a record of a number bears a name. */
type IsNamed = (record: number, name: Buffer) => boolean;

/**
 * Finds records by the sixteen bytes that name them, at some twelve bytes a record: it keeps four bytes
 * of the name and the record's number; the record itself tells whether it is the one.
 */
export class RecordTable {
  readonly #isNamed: IsNamed;
  #slots = new Uint32Array(2 * 1_024); // Pairs: a part of the name, and the number plus one.
  #used = 0;

  constructor(isNamed: IsNamed) {
    this.#isNamed = isNamed;
  }

  /** The number of the record of a name; -1 if there is none. */
  find(name: Buffer): number {
    const place = this.#placeOf(name);
    return (this.#slots[place + 1] ?? 0) - 1;
  }

  /** Has a name lead to a record, in place of the one that it led to. */
  set(name: Buffer, record: number): void {
    if (name.length !== names) throw new RangeError(`a name has ${names} bytes`);
    if ((this.#used + 1) * 20 > this.#slots.length * 7) this.#grow();
    const place = this.#placeOf(name);
    if (this.#slots[place + 1] === 0) this.#used++;
    this.#slots[place] = name.readUInt32LE(4);
    this.#slots[place + 1] = record + 1;
  }

  #placeOf(name: Buffer): number {
    const slots = this.#slots;
    const part = name.readUInt32LE(4);
    const last = slots.length / 2 - 1;
    for (let at = part & last; ; at = (at + 1) & last) {
      const place = at * 2;
      const number = slots[place + 1] ?? 0;
      if (number === 0 || (slots[place] === part && this.#isNamed(number - 1, name))) return place;
    }
  }

  #grow(): void {
    const old = this.#slots;
    const slots = new Uint32Array(old.length * 2);
    const last = slots.length / 2 - 1;
    for (let from = 0; from < old.length; from += 2) {
      const number = old[from + 1] ?? 0;
      if (number === 0) continue;
      const part = old[from] ?? 0;
      let at = part & last;
      while (slots[at * 2 + 1] !== 0) at = (at + 1) & last;
      slots[at * 2] = part;
      slots[at * 2 + 1] = number;
    }
    this.#slots = slots;
  }
}
