import { hexOf, Md5 } from '../schemas/md5.ts';
import type { Kind } from '../schemas/avro.ts';
import { type Position, positionText } from '../schemas/position.ts';
import type { Value } from '../schemas/value.ts';
import type { Halves } from './server-hash.ts';

/** What stands for a column in the digest of a change that does not speak of it. */
export const unchangedDigits = '-';

/**
 * The digest of a row, the same by whoever computes it from what rests with him (ADR 27): a hash of where the row
 * stands and of the hashes of its columns, in the order of their names; a null has none, so that a column that came
 * later changes nothing. A column's hash is of its name and of the one text of its value.
 */
export class RowDigest {
  readonly columns: readonly string[]; // By name.
  readonly keyColumns: readonly string[]; // By name.
  readonly #labels: readonly Buffer[];
  readonly #key: readonly number[];
  readonly #md5 = new Md5();

  constructor(columns: readonly string[], key: readonly string[]) {
    this.columns = columns.toSorted(inOrder);
    this.#labels = this.columns.map((name) => Buffer.from(labelOf(name)));
    this.keyColumns = key.toSorted(inOrder);
    this.#key = this.keyColumns.map((name) => this.columns.indexOf(name));
    if (this.#key.includes(-1)) throw new TypeError('a key of columns that are not compared');
  }

  /** The hash of a column's value, given its one text. */
  column(index: number, text: string, out: Halves): void {
    const md5 = this.#md5;
    md5.clear();
    const label = this.#labels[index];
    if (label) md5.bytes(label);
    md5.text(text);
    this.#finish(out);
  }

  /** By what a row is known: by the hashes of its key, or by its position where it has no key. `hashes` has two words a column. */
  key(hashes: Int32Array, from: number, position: Position | string, out: Halves): void {
    const [only = 0] = this.#key;
    if (this.#key.length === 1) {
      out.high = hashes[from + 2 * only] ?? 0;
      out.low = hashes[from + 2 * only + 1] ?? 0;
      return;
    }
    const md5 = this.#md5;
    md5.clear();
    if (this.#key.length === 0)
      md5.text(typeof position === 'string' ? position : positionText(position));
    for (const index of this.#key) this.#column(hashes, from, index);
    this.#finish(out);
  }

  /** The digest itself. `place` is the position of the row, behind what a change does where it is one. */
  row(hashes: Int32Array, from: number, place: string, out: Halves, unchanged?: Uint8Array): void {
    const md5 = this.#md5;
    md5.clear();
    md5.text(place);
    for (let index = 0; index < this.columns.length; index++)
      if (unchanged?.[index] === 1) md5.text(unchangedDigits);
      else this.#column(hashes, from, index);
    this.#finish(out);
  }

  #column(hashes: Int32Array, from: number, index: number): void {
    const high = hashes[from + 2 * index] ?? 0;
    const low = hashes[from + 2 * index + 1] ?? 0;
    if ((high | low) !== 0) this.#md5.hex(high, low);
  }

  #finish(out: Halves): void {
    this.#md5.finish();
    out.high = this.#md5.high;
    out.low = this.#md5.low;
  }
}

/** What a column's text is preceded by when it is hashed. */
export const labelOf = (column: string): string => `${column}=`;

/** The order of names in a digest: that of their bytes, which no locale changes. */
export const inOrder = (a: string, b: string): number =>
  Buffer.compare(Buffer.from(a), Buffer.from(b));

/**
 * The one text of a value: the server's own, as it travels. Floats are the digits of their eight bytes, for numbers
 * are printed one way here and another there.
 */
export function digestText(value: Exclude<Value, null>, kind: Kind): string {
  if (typeof value !== 'number' || (kind !== 'float' && kind !== 'double')) return `${value}`;
  if (Number.isNaN(value)) return 'NaN';
  bits.setFloat64(0, (kind === 'float' ? Math.fround(value) : value) + 0); // Zero has two signs, and they are equal.
  return hexOf(bits.getInt32(0), bits.getInt32(4));
}

const bits = new DataView(new ArrayBuffer(8));
