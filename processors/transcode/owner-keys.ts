import type { OwnedKey } from '../../contracts/keys/keyring.ts';
import { Bytes } from '../../schemas/bytes.ts';
import { murmur2 } from '../lane.ts';
import type { Column } from './columns.ts';
import type { Tuple } from './tuple.ts';

interface Kept {
  readonly name: Buffer;
  readonly owned: OwnedKey;
}

const fewest = 64; // Places, a power of two: hundreds of tables have one of these each.
const most = 16_384;

/**
 * The keys of those who came lately, found by the bytes that name them in the server's message: no text
 * is made of them per row. Of two owners with one place the later one has it.
 */
export class OwnerKeys {
  readonly #columns: readonly Column[];
  #kept: (Kept | undefined)[] = Array.from({ length: fewest });
  #count = 0;
  readonly #name = new Bytes(256);
  #place = 0;

  /** By the columns that name an owner. */
  constructor(columns: readonly (Column | null)[]) {
    this.#columns = columns.filter((column) => column !== null);
  }

  /** The key of whom a row belongs to, if it is kept. */
  find(tuple: Tuple): OwnedKey | null {
    const name = this.#name;
    name.clear();
    for (const { index } of this.#columns) {
      const length = tuple.lengths[index] ?? 0;
      name.zigzag(length);
      name.byte(tuple.binary[index] ?? 0);
      if (length > 0) name.copy(tuple.data, tuple.starts[index] ?? 0, length);
    }
    this.#place = murmur2(name.data, name.at) & (this.#kept.length - 1);
    const kept = this.#kept[this.#place];
    return kept && isSame(kept.name, name) ? kept.owned : null;
  }

  /** Keeps the key of the owner that was just looked for. */
  keep(owned: OwnedKey): void {
    if (!this.#kept[this.#place] && ++this.#count > this.#kept.length / 2) this.#grow();
    this.#kept[this.#place] = { name: Buffer.from(this.#name.view()), owned };
  }

  #grow(): void {
    const length = this.#kept.length * 2;
    if (length > most) return;
    const before = this.#kept;
    this.#kept = Array.from({ length });
    for (const kept of before)
      if (kept) this.#kept[murmur2(kept.name, kept.name.length) & (length - 1)] = kept;
    this.#place = murmur2(this.#name.data, this.#name.at) & (length - 1);
  }
}

function isSame(kept: Buffer, name: Bytes): boolean {
  if (kept.length !== name.at) return false;
  const { data } = name;
  for (let at = 0; at < kept.length; at++) if (kept[at] !== data[at]) return false;
  return true;
}
