const two32 = 0x1_0000_0000;

/** A place in Avro's bytes. What is read past their end is nothing, and tells itself when the end is looked for. */
export class AvroCursor {
  readonly data: Buffer;
  at: number;
  #high = 0;
  #low = 0;

  constructor(data: Buffer, at: number) {
    this.data = data;
    this.at = at;
  }

  get isAtEnd(): boolean {
    return this.at === this.data.length;
  }

  byte(): number {
    return this.data[this.at++] ?? 0;
  }

  /** A whole number; what a double does not hold is rounded, and then `exact` tells it. */
  number(): number {
    const first = this.data[this.at] ?? 0;
    if (first < 128) {
      this.at++;
      return (first >>> 1) ^ -(first & 1);
    }
    this.#varint();
    const low = this.#low;
    const magnitude = (this.#high >>> 1) * two32 + (((low >>> 1) | (this.#high << 31)) >>> 0);
    return (low & 1) === 1 ? -magnitude - 1 : magnitude;
  }

  bigint(): bigint {
    const from = this.at;
    const value = this.number();
    if (Number.isSafeInteger(value)) return BigInt(value);
    this.at = from;
    this.#varint();
    const zigzag = (BigInt(this.#high) << 32n) | BigInt(this.#low);
    return (zigzag >> 1n) ^ -(zigzag & 1n);
  }

  float(): number {
    this.at += 4;
    return this.data.readFloatLE(this.at - 4);
  }

  double(): number {
    this.at += 8;
    return this.data.readDoubleLE(this.at - 8);
  }

  /** Moves past bytes that their length precedes, and returns where they begin. */
  skipSized(): number {
    const length = this.number();
    const start = this.at;
    if (length < 0 || start + length > this.data.length)
      throw new RangeError('a length in the Avro reaches past its end');
    this.at = start + length;
    return start;
  }

  text(): string {
    const start = this.skipSized();
    return this.data.toString('utf8', start, this.at);
  }

  bytes(): Buffer {
    const start = this.skipSized();
    return this.data.subarray(start, this.at);
  }

  /** Reads seven bits per byte into two halves of 32. */
  #varint(): void {
    const { data } = this;
    let { at } = this;
    let low = 0;
    let high = 0;
    let shift = 0;
    let byte: number;
    do {
      byte = data[at++] ?? 0;
      if (shift < 28) low |= (byte & 127) << shift;
      else if (shift === 28) {
        low |= (byte & 127) << 28;
        high = (byte & 127) >> 4;
      } else high |= (byte & 127) << (shift - 32);
      shift += 7;
    } while (byte > 127 && shift < 70);
    this.#low = low >>> 0;
    this.#high = high >>> 0;
    this.at = at;
  }
}
