import { GovernedDigest } from '../../processors/governed-digest.ts';
import type { RowDigest } from '../../processors/row-digest.ts';
import type { Halves } from '../../processors/server-hash.ts';
import { hexOf } from '../../schemas/md5.ts';
import { compare, parsePosition, type Position, positionText } from '../../schemas/position.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { KeyTable } from '../compare/key-table.ts';
import { BucketSums, bucketOf } from './bucket-sums.ts';
import type { SavedFold } from './fold-state.ts';
import type { LaneChange } from './lane-changes.ts';

/** What the topic says of a key. */
export type ExpectedRow =
  | { readonly is: 'unheard' } // Nothing.
  | { readonly is: 'gone'; readonly position: string }
  | { readonly is: 'there'; readonly position: string; readonly digest: string }
  | { readonly is: 'half-known'; readonly position: string }; // Its unchanged columns came before the topic begins.

interface Rest {
  readonly floor: string | null;
  readonly halfKnown: number;
}

/**
 * What a table's topic comes to, up to some offset of each lane: of each key where its row stands, and a hash of each
 * of its columns, so that an update takes the old ones away and leaves those that it says nothing of.
 */
export class ExpectedRows {
  readonly #digest: RowDigest;
  readonly #reading: GovernedDigest;
  readonly #keys: KeyTable;
  readonly #key: Halves = { high: 0, low: 0 };
  #floor: Position | null = null; // Rows that are older were truncated, whatever their lane.
  #halfKnown = 0;

  constructor(digest: RowDigest) {
    this.#digest = digest;
    this.#reading = new GovernedDigest(digest);
    this.#keys = new KeyTable(digest.columns.length, 0);
  }

  /** Whether there may be rows of which only the position is known. */
  get hasHalfKnown(): boolean {
    return this.#halfKnown > 0;
  }

  /** Takes up a change; `touched` notes whose, by the hash of its key. */
  take(change: LaneChange, touched: Map<string, string> | null): void {
    const position = this.#read(change);
    if (!position) return;
    const { op, after } = change.form.cursor;
    if (op === 'truncate') {
      if (!this.#floor || compare(position, this.#floor) > 0) this.#floor = position;
      return;
    }
    const keys = this.#keys;
    const { high, low } = this.#key;
    const slot = keys.slotOf(high, low);
    touched?.set(hexOf(high, low), nameOf(change, position));
    if (!keys.isNewer(slot, position) || this.#isOlder(position)) return;
    if (!after.present) keys.move(slot, position, gone);
    else this.#put(slot, position);
  }

  /** The hash of a change's key, and the key; null for what is about no row. */
  keyOf(change: LaneChange): { readonly hash: string; readonly name: string } | null {
    const position = this.#read(change);
    if (!position || change.form.cursor.op === 'truncate') return null;
    return { hash: hexOf(this.#key.high, this.#key.low), name: nameOf(change, position) };
  }

  /** What has changed since it was last taken, to be kept. */
  taken(): Pick<SavedFold, 'rest' | 'pages'> {
    const floor = this.#floor && positionText(this.#floor);
    const rest = JSON.stringify({ floor, halfKnown: this.#halfKnown });
    return { rest, pages: this.#keys.takePages() };
  }

  /** Goes on from what was kept; nothing must have been taken up before. */
  goOn({ rest, pages }: Pick<SavedFold, 'rest' | 'pages'>): void {
    const { floor, halfKnown } = JSON.parse(rest) as Rest;
    this.#floor = floor === null ? null : parsePosition(floor);
    this.#halfKnown = halfKnown;
    this.#keys.putPages(pages);
  }

  /** Of each bucket how many rows there are, and the sum of their digests. */
  sums(): BucketSums {
    const sums = new BucketSums();
    const { words } = this.#keys;
    const hash: Halves = { high: 0, low: 0 };
    for (let slot = 0; slot < this.#keys.count; slot++) {
      if (!this.#isThere(slot)) continue;
      this.#digestOf(slot, hash);
      sums.add(bucketOf(words[this.#keys.keyAt(slot)] ?? 0), hash.high, hash.low);
    }
    return sums;
  }

  /** The hashes of keys of rows that are there, all or those of some buckets. */
  *there(of: ReadonlySet<number> | null): Iterable<readonly [high: number, low: number]> {
    const keys = this.#keys;
    for (let slot = 0; slot < keys.count; slot++) {
      const high = keys.words[keys.keyAt(slot)] ?? 0;
      const low = keys.words[keys.keyAt(slot) + 1] ?? 0;
      if ((of?.has(bucketOf(high)) ?? true) && this.#isThere(slot)) yield [high, low];
    }
  }

  isThere(high: number, low: number): boolean {
    const slot = this.#keys.find(high, low);
    return slot >= 0 && this.#isThere(slot);
  }

  /** Whether a row would be there, were it not for a truncate. */
  isTruncated(high: number, low: number): boolean {
    const slot = this.#keys.find(high, low);
    return slot >= 0 && this.#keys.presence(slot) !== gone && !this.#isThere(slot);
  }

  of(high: number, low: number): ExpectedRow {
    const keys = this.#keys;
    const slot = keys.find(high, low);
    if (slot < 0) return { is: 'unheard' };
    const position = positionText(keys.positionOf(slot));
    if (!this.#isThere(slot)) return { is: 'gone', position };
    if (keys.presence(slot) === halfKnown) return { is: 'half-known', position };
    const hash: Halves = { high: 0, low: 0 };
    this.#digestOf(slot, hash);
    return { is: 'there', position, digest: hexOf(hash.high, hash.low) };
  }

  /** Reads a change and its key; null for what deliver cannot read either. */
  #read({ form, record }: LaneChange): Position | null {
    try {
      const { timeline, lsn, seq, part } = this.#reading.read(form, record.value);
      const position = { timeline, lsn, seq, part };
      this.#digest.key(this.#reading.hashes, 0, position, this.#key);
      return position;
    } catch (error) {
      if (error instanceof Refusal) return null;
      throw error;
    }
  }

  /** What an update says nothing of stays; where there was no row it is null, or not known. */
  #put(slot: number, position: Position): void {
    const keys = this.#keys;
    const { hashes, unchanged } = this.#reading;
    const hasBase = this.#isThere(slot);
    const at = keys.columnsAt(slot);
    let isKnown = !hasBase || keys.presence(slot) === there;
    for (let index = 0; index < unchanged.length; index++) {
      if (unchanged[index] === 1) {
        if (hasBase) continue;
        if (this.#reading.isUnchanged(index)) isKnown = false;
      }
      keys.words[at + 2 * index] = hashes[2 * index] ?? 0;
      keys.words[at + 2 * index + 1] = hashes[2 * index + 1] ?? 0;
    }
    if (!isKnown) this.#halfKnown++;
    keys.move(slot, position, isKnown ? there : halfKnown);
  }

  #isThere(slot: number): boolean {
    if (this.#keys.presence(slot) === gone) return false;
    return this.#floor === null || !this.#isOlder(this.#keys.positionOf(slot));
  }

  #isOlder(position: Position): boolean {
    return this.#floor !== null && compare(position, this.#floor) < 0;
  }

  #digestOf(slot: number, out: Halves): void {
    const keys = this.#keys;
    const place = positionText(keys.positionOf(slot));
    this.#digest.row(keys.words, keys.columnsAt(slot), place, out);
  }
}

/** As sinks know it, too: by its position where it has no key. */
const nameOf = ({ form, record }: LaneChange, position: Position): string =>
  form.cursor.key.present ? (record.key?.toString() ?? '') : positionText(position);

const gone = 0;
const there = 1;
const halfKnown = 2;
