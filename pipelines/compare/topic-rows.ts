import { type Halves, serverHash } from '../../processors/server-hash.ts';
import type { Folded } from './fold-lane.ts';
import type { SourceRow, SourceRows, Sums } from './source-rows.ts';

/** How many rows differ between the two, and in which way. */
export interface Differences {
  readonly missing: number;
  readonly extra: number;
  readonly different: number;
}

/** Told of each row of the source that the topic does not have so, and of each of the topic that is gone. */
export interface Told {
  readonly differs: (row: SourceRow) => void;
  readonly extra: (key: bigint) => void;
}

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
  add({ keys, withheld }: Folded, inKey: readonly boolean[]): void {
    this.#withheld += withheld;
    const inRow = inKey.map(() => true);
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

  /** Whether the topic reaches back to its beginning. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Holds the source's rows against these, one by one. What is not `wanted` may be missing. */
  async against(
    source: SourceRows,
    condition: string | null,
    isWanted: (row: SourceRow) => boolean,
    told: Told,
  ): Promise<Differences> {
    const index = this.#indexed();
    const met = new Uint8Array(this.#count);
    let missing = 0;
    let different = 0;
    await source.each(condition, (row) => {
      const at = this.#find(index, row.key);
      if (at !== null) met[at] = 1;
      if (at === null ? !isWanted(row) : this.#pairs[2 * at + 1] === row.row) return;
      if (at === null) missing++;
      else different++;
      told.differs(row);
    });
    let extra = 0;
    for (let at = 0; at < this.#count; at++) {
      if (met[at] === 1) continue;
      extra++;
      told.extra(this.#pairs[2 * at] ?? 0n);
    }
    return { missing, extra, different };
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
export function again({ high, low }: Halves): bigint {
  const folded = (BigInt(high) << 32n) | BigInt(low >>> 0);
  serverHash(text, 0, text.write(`${folded}`), 0, hash);
  return (BigInt(hash.high) << 32n) | BigInt(hash.low >>> 0);
}
