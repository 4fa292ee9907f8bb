import { bigOf } from '../../processors/server-hash.ts';

/** Keys are told apart by the first three digits of their hashes where only sums are compared. */
export const bucketDigits = 3;

export const bucketOf = (keyHigh: number): number => keyHigh >>> (32 - 4 * bucketDigits);

interface Sum {
  rows: number;
  sum: bigint;
}

/** Counts of rows and sums of their digests, modulo 2^64, in buckets: the order of rows does not matter. */
export class BucketSums {
  readonly #of = new Map<number, Sum>();

  add(bucket: number, high: number, low: number): void {
    this.addMany(bucket, 1, bigOf({ high, low }));
  }

  addMany(bucket: number, rows: number, sum: bigint): void {
    const known = this.#of.get(bucket);
    if (known) {
      known.rows += rows;
      known.sum = BigInt.asUintN(64, known.sum + sum);
    } else this.#of.set(bucket, { rows, sum: BigInt.asUintN(64, sum) });
  }

  get rows(): number {
    return [...this.#of.values()].reduce((sum, { rows }) => sum + rows, 0);
  }

  /** All of it: each bucket, its rows, and its sum in hex. */
  told(): readonly (readonly [bucket: number, rows: number, sum: string])[] {
    return [...this.#of].map(([bucket, { rows, sum }]) => [bucket, rows, sum.toString(16)]);
  }

  of(bucket: number): { readonly rows: number } {
    return this.#of.get(bucket) ?? { rows: 0 };
  }

  /** The buckets in which two differ. */
  differing(other: BucketSums): ReadonlySet<number> {
    const found = new Set<number>();
    for (const at of [...this.#of.keys(), ...other.#of.keys()]) {
      const [own, its] = [this.#of.get(at), other.#of.get(at)];
      if (own?.rows !== its?.rows || own?.sum !== its?.sum) found.add(at);
    }
    return found;
  }
}
