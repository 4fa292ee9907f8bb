/**
 * A whole number of Avro's as the two halves of its 64 bits, in two's complement: none is too wide for it, and no
 * object is made of any.
 */
export class AvroInteger {
  high = 0; // With its sign.
  low = 0; // Of a number of 32 bits the number itself.
  at = 0; // Where its bytes end.

  /** Reads the number that begins at a place. */
  read(data: Buffer, from: number): void {
    const first = data[from] ?? 0;
    if (first < 128) {
      this.high = -(first & 1);
      this.low = (first >>> 1) ^ this.high;
      this.at = from + 1;
      return;
    }
    let at = from;
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
    const sign = -(low & 1);
    this.low = ((low >>> 1) | (high << 31)) ^ sign;
    this.high = (high >>> 1) ^ sign;
    this.at = at;
  }

  /** Takes a number of which 64 bits are enough away. */
  subtract(value: number): void {
    const low = value >>> 0;
    const high = Math.floor(value / 0x1_0000_0000);
    const borrow = this.low >>> 0 < low ? 1 : 0;
    this.low = (this.low - low) | 0;
    this.high = (this.high - high - borrow) | 0;
  }
}
