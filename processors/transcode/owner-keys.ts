import type { OwnedKey } from '../../contracts/keys/keyring.ts';
import { Bytes } from '../../schemas/bytes.ts';
import { Sealer } from '../../schemas/sealed-box.ts';
import type { Column } from './columns.ts';
import type { Tuple } from './tuple.ts';

interface Kept {
  readonly name: Buffer; // Of each column its form and length, and its bytes.
  readonly sealer: Sealer;
}

const mostKept = 8_192; // Some 2 kB each.
const formBytes = 5;

/**
 * Those who came lately, ready to seal, found by the bytes that name them in the server's message: no
 * text is made of them per row.
 */
export class OwnerKeys {
  readonly #columns: readonly number[];
  readonly #kept = new Map<number, Kept>();

  /** By the columns that name an owner. */
  constructor(columns: readonly (Column | null)[]) {
    this.#columns = columns.flatMap((column) => column?.index ?? []);
  }

  /** The sealer of whom a row belongs to, if it is kept. */
  find(tuple: Tuple): Sealer | null {
    const kept = this.#kept.get(this.#hash(tuple));
    return kept && this.#isNamed(kept.name, tuple) ? kept.sealer : null;
  }

  /** Keeps a sealer for the owner of a row. Of two whose hashes are one, the later one is kept. */
  keep(tuple: Tuple, owned: OwnedKey): Sealer {
    if (this.#kept.size >= mostKept) this.#kept.clear();
    const sealer = new Sealer(owned);
    this.#kept.set(this.#hash(tuple), { name: this.#nameOf(tuple), sealer });
    return sealer;
  }

  /** Forgets all: what was kept may not be its owner's key any more. */
  clear(): void {
    this.#kept.clear();
  }

  #isNamed(name: Buffer, { data, starts, lengths, binary }: Tuple): boolean {
    let next = 0;
    for (const index of this.#columns) {
      const length = lengths[index] ?? 0;
      if (name.readInt32LE(next + 1) !== length) return false;
      if (length > 0 && name[next] !== binary[index]) return false;
      next += formBytes;
      const start = starts[index] ?? 0;
      for (let at = 0; at < length; at++) if (name[next + at] !== data[start + at]) return false;
      if (length > 0) next += length;
    }
    return true;
  }

  #nameOf({ data, starts, lengths, binary }: Tuple): Buffer {
    const name = new Bytes(64);
    const form = Buffer.alloc(formBytes);
    for (const index of this.#columns) {
      const length = lengths[index] ?? 0;
      form[0] = binary[index] ?? 0;
      form.writeInt32LE(length, 1);
      name.copy(form, 0, formBytes);
      if (length > 0) name.copy(data, starts[index] ?? 0, length);
    }
    return Buffer.from(name.view());
  }

  #hash({ data, starts, lengths }: Tuple): number {
    let hash = 0x811c_9dc5;
    for (const index of this.#columns) {
      const length = lengths[index] ?? 0;
      const start = starts[index] ?? 0;
      hash = Math.imul(hash ^ length, 0x0100_0193);
      for (let at = start; at < start + length; at++)
        hash = Math.imul(hash ^ (data[at] ?? 0), 0x0100_0193);
    }
    return hash & 0x3fff_ffff; // Kept without an object.
  }
}
