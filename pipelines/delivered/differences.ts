import { bigOf } from '../../processors/server-hash.ts';
import { hexOf } from '../../schemas/md5.ts';
import type { ExpectedRow, ExpectedRows } from './expected-rows.ts';
import type { RelationshipFault, RestingRow, RestingRows } from './resting-rows.ts';

/** In what a row differs from what was governed last of it. */
export type DifferenceKind =
  | 'missing' // It is not there.
  | 'extra' // It is there, and should not be.
  | 'older' // A change of it has not come to rest,
  | 'newer' // or one that the topic does not have.
  | 'other' // It stands where it should, and its values are others.
  | 'doubled' // It is there more than once.
  | 'relationship'; // It refers to other nodes than its values say, or to none.

/** A row that differs. */
export interface Difference {
  readonly kind: DifferenceKind;
  readonly hash: string; // Of its key.
  readonly name: string | null; // Its key, where it is at hand.
  readonly fault: RelationshipFault | null;
}

/** Holds rows as they rest against what is expected of them. */
export class Differences {
  readonly found = new Map<string, Difference>();
  looked = 0; // At so many rows.
  readonly #expected: ExpectedRows;
  readonly #isWhole: boolean; // Whether nothing can rest that the topic never told of.
  readonly #met = new Set<bigint>();

  constructor(expected: ExpectedRows, isWhole: boolean) {
    this.#expected = expected;
    this.#isWhole = isWhole;
  }

  readonly take = (row: RestingRow): void => {
    const { keyHigh, keyLow, name, fault } = row;
    this.looked++;
    const id = bigOf({ high: keyHigh, low: keyLow });
    const isAgain = this.#met.has(id);
    this.#met.add(id);
    const kind = isAgain ? 'doubled' : this.#kindOf(row, this.#expected.of(keyHigh, keyLow));
    if (kind === null) return;
    const hash = hexOf(keyHigh, keyLow);
    this.found.set(hash, { kind, hash, name, fault });
  };

  /** What should have been met, and was not, of what was looked at. */
  end(there: Iterable<readonly [high: number, low: number]>): void {
    for (const [high, low] of there) {
      if (this.#met.has(bigOf({ high, low }))) continue;
      const hash = hexOf(high, low);
      this.found.set(hash, { kind: 'missing', hash, name: null, fault: null });
    }
  }

  #kindOf(row: RestingRow, expected: ExpectedRow): DifferenceKind | null {
    const fault = row.fault && 'relationship';
    switch (expected.is) {
      case 'unheard':
        return this.#isWhole ? 'extra' : fault;
      case 'gone':
        return row.position > expected.position ? 'newer' : 'extra';
      case 'half-known':
      case 'there':
        if (row.position < expected.position) return 'older';
        if (row.position > expected.position) return 'newer';
        if (expected.is === 'there' && hexOf(row.high, row.low) !== expected.digest) return 'other';
        return fault;
    }
  }
}

/** Holds a table's rows against what is expected, by their sums first where the sink makes them itself. */
export async function differencesOf(
  resting: RestingRows,
  expected: ExpectedRows,
  isWhole: boolean,
  sums: Awaited<ReturnType<NonNullable<RestingRows['sums']>>> | null,
): Promise<Differences> {
  const differences = new Differences(expected, isWhole);
  const bySums = sums !== null && isWhole && !expected.hasHalfKnown;
  const of = bySums ? expected.sums().differing(sums) : null;
  if (of?.size === 0) return differences;
  await resting.each(of, differences.take);
  differences.end(expected.there(of));
  return differences;
}
