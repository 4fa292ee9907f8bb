import type { OwnedKey } from '../../contracts/keys/keyring.ts';
import { Sealer } from '../../schemas/sealed-box.ts';
import type { Column } from './columns.ts';
import type { Tuple } from './tuple.ts';

interface Kept {
  readonly tuple: Tuple; // Of nothing but the columns that name the owner.
  readonly sealer: Sealer;
}

const mostKept = 8_192; // Some 2 kB each.

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
    if (!kept) return null;
    const columns = this.#columns;
    for (let n = 0; n < columns.length; n++)
      if (!kept.tuple.sameAt(n, tuple, columns[n] ?? 0)) return null;
    return kept.sealer;
  }

  /** Keeps a sealer for the owner of a row. Of two whose hashes are one, the later one is kept. */
  keep(tuple: Tuple, owned: OwnedKey): Sealer {
    if (this.#kept.size >= mostKept) this.#kept.clear();
    const sealer = new Sealer(owned);
    this.#kept.set(this.#hash(tuple), { tuple: tuple.copyOf(this.#columns), sealer });
    return sealer;
  }

  #hash(tuple: Tuple): number {
    let hash = 0x811c_9dc5;
    for (const index of this.#columns) {
      const length = tuple.lengths[index] ?? 0;
      const start = tuple.starts[index] ?? 0;
      hash = Math.imul(hash ^ length, 0x0100_0193);
      for (let at = start; at < start + length; at++)
        hash = Math.imul(hash ^ (tuple.data[at] ?? 0), 0x0100_0193);
    }
    return hash & 0x3fff_ffff; // Kept without an object.
  }
}
