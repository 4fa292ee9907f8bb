const keptBytes = 32 * 1024 * 1024; // What grew larger for something rare is not kept.
const mostByWords = 160; // Beyond it a call costs less than the loop.
const mostByBytes = 40;
const halfSafe = 2 ** 52; // What is below it is exact as a double, and so is its double.

/**
 * A buffer that grows as it is written to: what a hot path writes without an object per value. Numbers
 * are in Avro's and Kafka's form: zigzag, seven bits to a byte.
 */
export class Bytes {
  data: Buffer;
  at = 0;
  #view: DataView;
  #from: Buffer;
  #fromView: DataView;
  #before: Buffer;
  #beforeView: DataView;

  /** Begins with a buffer of a size, or with one that is there. */
  constructor(room: number | Buffer = 4_096) {
    this.data = typeof room === 'number' ? Buffer.allocUnsafeSlow(room) : room;
    this.#view = viewOf(this.data);
    this.#from = this.data;
    this.#fromView = this.#view;
    this.#before = this.data;
    this.#beforeView = this.#view;
  }

  /** Makes sure that `bytes` more fit. Whoever writes to `data` itself asks first. */
  room(bytes: number): void {
    if (this.at + bytes <= this.data.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.data.length * 2, this.at + bytes));
    this.data.copy(grown, 0, 0, this.at);
    this.data = grown;
    this.#view = viewOf(grown);
  }

  byte(value: number): void {
    this.room(1);
    this.data[this.at++] = value;
  }

  /** Any integer that a double holds exactly. */
  zigzag(value: number): void {
    this.room(10);
    if (value >= -0x4000_0000 && value < 0x4000_0000) {
      let rest = ((value << 1) ^ (value >> 31)) >>> 0;
      while (rest > 127) {
        this.data[this.at++] = (rest & 127) | 128;
        rest >>>= 7;
      }
      this.data[this.at++] = rest;
      return;
    }
    const rest = value < 0 ? -value * 2 - 1 : value * 2;
    if (rest > Number.MAX_SAFE_INTEGER) return this.#wide(BigInt(value));
    const low = rest >>> 0;
    this.#varint((rest - low) / 0x1_0000_0000, low);
  }

  zigzagBig(value: bigint): void {
    const number = Number(value);
    if (number > -halfSafe && number < halfSafe) this.zigzag(number);
    else this.#wide(value);
  }

  #wide(value: bigint): void {
    const zigzag = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
    this.#varint(Number(zigzag >> 32n), Number(zigzag & 0xffff_ffffn));
  }

  /** An integer of 64 bits in two halves, its sign beside them: no BigInt is made of it. */
  zigzagHalves(negative: boolean, high: number, low: number): void {
    let upper = ((high << 1) | (low >>> 31)) >>> 0;
    let lower = (low << 1) >>> 0;
    if (negative && lower === 0) {
      upper = (upper - 1) >>> 0;
      lower = 0xffff_ffff;
    } else if (negative) lower--;
    this.#varint(upper, lower);
  }

  /** Unsigned, in two halves of 32 bits. */
  #varint(high: number, low: number): void {
    this.room(10);
    const { data } = this;
    let to = this.at;
    let rest = low;
    if (high !== 0) {
      data[to++] = (low & 127) | 128;
      data[to++] = ((low >>> 7) & 127) | 128;
      data[to++] = ((low >>> 14) & 127) | 128;
      data[to++] = ((low >>> 21) & 127) | 128;
      const middle = (low >>> 28) | ((high & 7) << 4);
      rest = high >>> 3;
      if (rest === 0) {
        data[to++] = middle;
        this.at = to;
        return;
      }
      data[to++] = middle | 128;
    }
    while (rest > 127) {
      data[to++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    data[to++] = rest;
    this.at = to;
  }

  float(value: number): void {
    this.room(4);
    this.at = this.data.writeFloatLE(value, this.at);
  }

  double(value: number): void {
    this.room(8);
    this.at = this.data.writeDoubleLE(value, this.at);
  }

  /** Copies a part of another buffer, without a call where that would cost more than the copy. */
  copy(from: Buffer, start: number, length: number): void {
    this.room(length);
    const { data } = this;
    const end = start + length;
    if (length >= 8) {
      const isSeen = from === this.#from || this.#lookAt(from);
      if (length <= mostByWords && isSeen) return this.#copyWords(this.#fromView, start, length);
      if (length > mostByBytes) {
        from.copy(data, this.at, start, end);
        this.at += length;
        return;
      }
    }
    let to = this.at;
    for (let at = start; at < end; at++) data[to++] = from[at] ?? 0;
    this.at = to;
  }

  /** Adds all that another one holds. */
  add(other: Bytes): void {
    const { at: length, data: from } = other;
    if (length < 8 || length > mostByWords) return this.copy(from, 0, length);
    this.room(length);
    this.#copyWords(other.#view, 0, length);
  }

  /** Eight bytes at a time; the last eight may be in part over the ones before. */
  #copyWords(source: DataView, start: number, length: number): void {
    const target = this.#view;
    const { at } = this;
    const last = length - 8;
    for (let done = 0; done < last; done += 8)
      target.setBigInt64(at + done, source.getBigInt64(start + done));
    target.setBigInt64(at + last, source.getBigInt64(start + last));
    this.at = at + length;
  }

  /** Large buffers are copied from again and again: eight bytes at a time, by views of the last two that are kept. */
  #lookAt(from: Buffer): boolean {
    if (from.length < 4_096) return false;
    const view = from === this.#before ? this.#beforeView : viewOf(from);
    this.#before = this.#from;
    this.#beforeView = this.#fromView;
    this.#from = from;
    this.#fromView = view;
    return true;
  }

  /** A length, and then as many bytes. */
  sized(from: Buffer, start: number, length: number): void {
    this.zigzag(length);
    this.copy(from, start, length);
  }

  /** All that another one holds, after its length. */
  addSized(other: Bytes): void {
    this.zigzag(other.at);
    this.add(other);
  }

  /** ASCII that the program itself has, and short. */
  ascii(text: string): void {
    this.room(text.length);
    for (let index = 0; index < text.length; index++) this.data[this.at++] = text.charCodeAt(index);
  }

  /** Sixteen bytes as four words, of each its greatest byte first. */
  words(first: number, second: number, third: number, last: number): void {
    this.room(16);
    const { at } = this;
    const view = this.#view;
    view.setInt32(at, first);
    view.setInt32(at + 4, second);
    view.setInt32(at + 8, third);
    view.setInt32(at + 12, last);
    this.at = at + 16;
  }

  /** Two bytes, the greater first. */
  short(value: number): void {
    this.room(2);
    this.#view.setInt16(this.at, value);
    this.at += 2;
  }

  /** Four bytes, the greatest first. */
  word(value: number): void {
    this.room(4);
    this.#view.setInt32(this.at, value);
    this.at += 4;
  }

  /** Four bytes as a word, from a place within the room that was made. */
  wordAt(at: number): number {
    return this.#view.getInt32(at);
  }

  /** What was written, valid until the next write. */
  view(): Buffer {
    return this.data.subarray(0, this.at);
  }

  /** Forgets all, or all but what it begins with. */
  clear(kept = 0): void {
    this.at = kept;
    if (this.data.length <= keptBytes) return;
    const small = Buffer.allocUnsafeSlow(Math.max(4_096, kept));
    this.data.copy(small, 0, 0, kept);
    this.data = small;
    this.#view = viewOf(this.data);
  }
}

const viewOf = (buffer: Buffer): DataView =>
  new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
