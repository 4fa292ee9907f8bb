/** How long a name is: a keyed pseudonym's first bytes, one character each. */
export const nameLength = 16;

const words = 4;
const pageNames = 16_384;
const scratch = Buffer.alloc(nameLength);

/**
 * Names by number, 16 bytes each, in pages: what grows by as much as it has would have three times the memory of what
 * is in it while it does.
 */
export class NameList {
  readonly #pages: Int32Array[] = [];

  set(number: number, name: string): void {
    const page = Math.floor(number / pageNames);
    while (this.#pages.length <= page) this.#pages.push(new Int32Array(words * pageNames));
    const at = placeOf(number);
    const all = this.#pages[page];
    if (all) for (let word = 0; word < words; word++) all[at + word] = wordAt(name, 4 * word);
  }

  at(number: number): string {
    for (let word = 0; word < words; word++)
      scratch.writeInt32BE(this.word(number, word), 4 * word);
    return scratch.toString('latin1', 0, nameLength);
  }

  word(number: number, word: number): number {
    return this.#pages[Math.floor(number / pageNames)]?.[placeOf(number) + word] ?? 0;
  }

  is(number: number, name: string): boolean {
    const page = this.#pages[Math.floor(number / pageNames)];
    const at = placeOf(number);
    return (
      page !== undefined &&
      page[at] === wordAt(name, 0) &&
      page[at + 1] === wordAt(name, 4) &&
      page[at + 2] === wordAt(name, 8) &&
      page[at + 3] === wordAt(name, 12)
    );
  }
}

const placeOf = (number: number): number => words * (number % pageNames);

/** Four of a name's bytes. */
export const wordAt = (name: string, at: number): number =>
  (name.charCodeAt(at) << 24) |
  (name.charCodeAt(at + 1) << 16) |
  (name.charCodeAt(at + 2) << 8) |
  name.charCodeAt(at + 3);
