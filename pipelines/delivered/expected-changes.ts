import { GovernedDigest } from '../../processors/governed-digest.ts';
import type { RowDigest } from '../../processors/row-digest.ts';
import type { Halves } from '../../processors/server-hash.ts';
import { hexOf } from '../../schemas/md5.ts';
import { positionText } from '../../schemas/position.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { BucketSums } from './bucket-sums.ts';
import type { SavedFold } from './fold-state.ts';
import type { LaneChange } from './lane-changes.ts';
import { rangeOffsets } from './resting-history.ts';

/** A change as it is to rest in a history. */
export interface ExpectedChange {
  readonly place: string; // What it does, and its position.
  readonly hash: string; // Of its key.
  readonly digest: string;
  readonly name: string;
}

/** What a table's topic has, change by change, summed up by lanes and ranges of offsets. */
export class ExpectedChanges {
  readonly sums = new BucketSums();
  readonly #digest: RowDigest;
  readonly #reading: GovernedDigest;
  readonly #lanes: number;
  readonly #key: Halves = { high: 0, low: 0 };
  readonly #row: Halves = { high: 0, low: 0 };
  #place = '';

  constructor(digest: RowDigest, lanes: number) {
    this.#digest = digest;
    this.#reading = new GovernedDigest(digest);
    this.#lanes = lanes;
  }

  take(change: LaneChange): void {
    if (!this.#read(change)) return;
    this.sums.add(this.bucketOf(change), this.#row.high, this.#row.low);
  }

  /** All of it, to be kept. */
  taken(): Pick<SavedFold, 'rest' | 'pages'> {
    return { rest: JSON.stringify(this.sums.told()), pages: new Map() };
  }

  /** Goes on from what was kept. */
  goOn({ rest }: Pick<SavedFold, 'rest'>): void {
    for (const [bucket, rows, sum] of JSON.parse(rest) as ReturnType<BucketSums['told']>)
      this.sums.addMany(bucket, rows, BigInt(`0x${sum}`));
  }

  /** A change of the topic, told in full; null for what is none. */
  told(change: LaneChange): ExpectedChange | null {
    if (!this.#read(change)) return null;
    return {
      place: this.#place,
      hash: hexOf(this.#key.high, this.#key.low),
      digest: hexOf(this.#row.high, this.#row.low),
      name: change.record.key?.toString() ?? this.#place,
    };
  }

  /** Where its sum is. */
  bucketOf({ record }: LaneChange): number {
    return Number(record.offset / BigInt(rangeOffsets)) * this.#lanes + record.partition;
  }

  #read({ form, record }: LaneChange): boolean {
    const { hashes, unchanged } = this.#reading;
    try {
      const { op, timeline, lsn, seq, part } = this.#reading.read(form, record.value);
      const position = positionText({ timeline, lsn, seq, part });
      this.#place = `${op} ${position}`;
      this.#digest.key(hashes, 0, position, this.#key);
    } catch (error) {
      if (error instanceof Refusal) return false; // As deliver does.
      throw error;
    }
    this.#digest.row(hashes, 0, this.#place, this.#row, unchanged);
    return true;
  }
}
