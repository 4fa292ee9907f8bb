import type { Bytes } from './bytes.ts';

const billion = 1_000_000_000;

/** Writes a whole number that is not negative and that a double holds. */
export function writeDigits(value: number, out: Bytes): void {
  if (value < billion) return writePadded(value, widthOf(value), out);
  const rest = value % billion;
  writeDigits((value - rest) / billion, out);
  writePadded(rest, 9, out);
}

/** Writes a whole number of at most nine digits with zeros before it, so many digits in all. */
export function writePadded(value: number, width: number, out: Bytes): void {
  out.room(width);
  const { data } = out;
  let rest = value | 0;
  let to = out.at + width;
  out.at = to;
  for (let digit = 0; digit < width; digit++) {
    const next = (rest / 10) | 0;
    data[--to] = 0x30 + rest - next * 10;
    rest = next;
  }
}

/** Writes an integer of 64 bits from its two halves: of its magnitude, without its sign. */
export function writeHalves(high: number, low: number, out: Bytes): void {
  if (high < 0x20_0000) return writeDigits(high * 0x1_0000_0000 + low, out);
  // A long division by a billion, sixteen bits at a time: each step is exact in a double.
  const upper = high % billion;
  const middle = upper * 0x1_0000 + (low >>> 16);
  const middleRest = middle % billion;
  const lower = middleRest * 0x1_0000 + (low & 0xffff);
  const rest = lower % billion;
  const first = ((high - upper) / billion) * 0x1_0000_0000;
  const second = ((middle - middleRest) / billion) * 0x1_0000;
  writeDigits(first + second + (lower - rest) / billion, out);
  writePadded(rest, 9, out);
}

function widthOf(value: number): number {
  if (value < 10_000) return value < 100 ? (value < 10 ? 1 : 2) : value < 1_000 ? 3 : 4;
  if (value < 1_000_000) return value < 100_000 ? 5 : 6;
  return value < 10_000_000 ? 7 : value < 100_000_000 ? 8 : 9;
}
