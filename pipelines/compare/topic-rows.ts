import { type Halves, serverHash } from '../../processors/server-hash.ts';
import type { KeyTable } from './key-table.ts';
import type { SourceRows, Sums } from './source-rows.ts';

/** What differs between the two. */
export interface Differences {
  readonly equal: boolean;
  readonly partial: boolean;
  readonly missing: number;
  readonly extra: number;
  readonly different: number;
  readonly examples: readonly bigint[]; // Hashes of keys.
}

const mostExamples = 10;

/** The rows of a topic, each as two hashes: sixteen bytes and a place in an index. */
export class TopicRows {
  readonly #isWhole: boolean; // Whether the topic reaches back to its beginning.
  #pairs: BigInt64Array;
  #count = 0;
  #checksum = 0n;
  #withheld = 0;

  constructor(expected: number, isWhole: boolean) {
    this.#isWhole = isWhole;
    this.#pairs = new BigInt64Array(2 * Math.max(1_024, Math.ceil(expected * 1.1)));
  }

  get sums(): Sums {
    return { rows: this.#count, checksum: `${this.#checksum}` };
  }

  get withheld(): number {
    return this.#withheld;
  }

  /** Takes up what came of a lane. */
  add(
    keys: KeyTable,
    inRow: readonly boolean[],
    inKey: readonly boolean[],
    withheld: number,
  ): void {
    this.#withheld += withheld;
    for (let slot = 0; slot < keys.count; slot++) {
      if (!keys.isPresent(slot)) continue;
      if (2 * this.#count === this.#pairs.length) this.#grow();
      const row = again(keys.fold(slot, inRow));
      this.#pairs[2 * this.#count] = again(keys.fold(slot, inKey));
      this.#pairs[2 * this.#count + 1] = row;
      this.#count++;
      this.#checksum += row;
    }
  }

  /** Holds the source's rows against these, one by one only if their sums differ. */
  async against(source: SourceRows, sums: Sums, condition: string | null): Promise<Differences> {
    const partial = !this.#isWhole || condition !== null;
    const none = { missing: 0, extra: 0, different: 0, examples: [] };
    if (sums.rows === this.#count && sums.checksum === `${this.#checksum}`)
      return { equal: true, partial, ...none };
    const index = this.#indexed();
    const met = new Uint8Array(this.#count);
    const examples: bigint[] = [];
    const note = (key: bigint) => void (examples.length < mostExamples && examples.push(key));
    let missing = 0;
    let different = 0;
    await source.each(condition, (key, row, wanted) => {
      const at = this.#find(index, key);
      if (at === null) {
        if (partial && (condition === null || !wanted)) return;
        missing++;
        note(key);
        return;
      }
      met[at] = 1;
      if (this.#pairs[2 * at + 1] === row) return;
      different++;
      note(key);
    });
    let extra = 0;
    for (let at = 0; at < this.#count; at++) {
      if (met[at] === 1) continue;
      extra++;
      note(this.#pairs[2 * at] ?? 0n);
    }
    return { equal: missing + extra + different === 0, partial, missing, extra, different, examples };
  }

  #indexed(): Int32Array {
    const index = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(2, this.#count * 2))));
    for (let row = 0; row < this.#count; row++) {
      let at = placeOf(this.#pairs[2 * row] ?? 0n, index.length);
      while (index[at] !== 0) at = (at + 1) & (index.length - 1);
      index[at] = row + 1;
    }
    return index;
  }

  #find(index: Int32Array, key: bigint): number | null {
    for (let at = placeOf(key, index.length); ; at = (at + 1) & (index.length - 1)) {
      const row = (index[at] ?? 0) - 1;
      if (row < 0) return null;
      if (this.#pairs[2 * row] === key) return row;
    }
  }

  #grow(): void {
    const pairs = new BigInt64Array(this.#pairs.length * 2);
    pairs.set(this.#pairs);
    this.#pairs = pairs;
  }
}

const placeOf = (key: bigint, size: number): number => Number(BigInt.asUintN(32, key)) & (size - 1);

const text = Buffer.alloc(32);
const hash: Halves = { high: 0, low: 0 };

/** Hashed again as the number that it is, as the server does it. */
function again({ high, low }: Halves): bigint {
  const folded = (BigInt(high) << 32n) | BigInt(low >>> 0);
  serverHash(text, 0, text.write(`${folded}`), 0, hash);
  return (BigInt(hash.high) << 32n) | BigInt(hash.low >>> 0);
}
