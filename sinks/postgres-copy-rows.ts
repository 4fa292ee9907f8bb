import type { Bytes } from '../schemas/bytes.ts';
import type { GovernedCursor } from '../schemas/governed-record.ts';
import { positionLength } from '../schemas/position-bytes.ts';
import { copyHead, positionAt, type RowWriter } from './postgres-rows.ts';

/** Rows of one form as the bytes of a binary COPY. */
export class CopyRows {
  readonly writer: RowWriter;
  count = 0;
  readonly #bytes: Bytes;
  readonly #gaps: (readonly [start: number, end: number])[] = [];

  /** Begins in a buffer that is nobody else's. */
  constructor(writer: RowWriter, bytes: Bytes) {
    this.writer = writer;
    this.#bytes = bytes;
    bytes.clear();
    bytes.copy(copyHead, 0, copyHead.length);
  }

  /** Where the next row will begin. */
  get end(): number {
    return this.#bytes.at;
  }

  /** Adds the row that the cursor read; false if its writer does not. */
  add(cursor: GovernedCursor): boolean {
    if (!this.writer.write(cursor, this.#bytes)) return false;
    this.count++;
    return true;
  }

  /** Takes the row that was added last away again. */
  takeBack(start: number): void {
    this.#bytes.at = start;
    this.count--;
  }

  /** Leaves a row out. */
  drop(start: number, end: number): void {
    this.#gaps.push([start, end]);
    this.count--;
  }

  /** Whether the row at one place has a greater position than the one at another. */
  isNewer(start: number, than: number): boolean {
    const { data } = this.#bytes;
    const [a, b] = [start + positionAt, than + positionAt];
    return data.compare(data, b, b + positionLength, a, a + positionLength) > 0;
  }

  /** All of it, to be sent; nothing is added any more. */
  take(): Buffer {
    const out = this.#bytes;
    this.#gaps.sort(([a], [b]) => a - b);
    let to = this.#gaps[0]?.[0] ?? out.at;
    for (const [index, [, end]] of this.#gaps.entries()) {
      const next = this.#gaps[index + 1]?.[0] ?? out.at;
      out.data.copyWithin(to, end, next);
      to += next - end;
    }
    out.at = to;
    out.short(-1);
    return out.view();
  }

  /** Gives the buffer back, for other rows. */
  release(): Bytes {
    return this.#bytes;
  }
}
