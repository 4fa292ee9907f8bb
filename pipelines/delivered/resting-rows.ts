import type { RowDigest } from '../../processors/row-digest.ts';
import type { BucketSums } from './bucket-sums.ts';

/** A row as it rests: by what it is known, its digest, and where it says that it stands. */
export interface RestingRow {
  readonly keyHigh: number;
  readonly keyLow: number;
  readonly high: number;
  readonly low: number;
  readonly position: string;
  readonly name: string | null; // The text of its key, where it is at hand.
  readonly fault: RelationshipFault | null;
}

/** What is wrong with what a row refers to. */
export interface RelationshipFault {
  readonly relationship: string;
  readonly is: 'missing' | 'extra';
}

/** What rests of a table in a sink that keeps current rows. */
export interface RestingRows extends AsyncDisposable {
  readonly digest: RowDigest;
  /** Columns that rest in a form of which nobody can tell whether it is the same. */
  readonly uncompared: readonly string[];
  /** Per lane, the offset up to which, and without which, all is applied; later rows may be there too unless it `isStill`. */
  applied(): Promise<readonly bigint[]>;
  /** Whether all that is asked is answered as of one moment. */
  readonly isStill: boolean;
  /** The sums of all rows, where the sink computes them itself. */
  readonly sums: (() => Promise<BucketSums>) | null;
  /** Each row, or those of some buckets. */
  each(of: ReadonlySet<number> | null, take: (row: RestingRow) => void): Promise<void>;
  /** The rows that are known by these, by the texts of their keys. */
  some(keys: readonly string[], take: (row: RestingRow) => void): Promise<void>;
  /** The texts of the keys that have these hashes, of those that are there. */
  names(hashes: ReadonlySet<string>): Promise<ReadonlyMap<string, string>>;
}
