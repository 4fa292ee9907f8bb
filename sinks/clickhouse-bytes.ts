import type { Bytes } from '../schemas/bytes.ts';

/** Writes the least bytes of a number, the least of them first. */
export function putLittle(value: number, width: number, to: Bytes): void {
  to.room(width);
  const { data } = to;
  let rest = value;
  for (let byte = 0; byte < width; byte++) {
    data[to.at++] = rest & 255;
    rest >>= 8;
  }
}

/** Writes a number of 32 bits. */
export function putWord(value: number, to: Bytes): void {
  to.room(4);
  const { data, at } = to;
  data[at] = value & 255;
  data[at + 1] = (value >> 8) & 255;
  data[at + 2] = (value >> 16) & 255;
  data[at + 3] = (value >> 24) & 255;
  to.at = at + 4;
}

/** Writes a number of 64 bits from its halves. */
export function putHalves(high: number, low: number, to: Bytes): void {
  to.room(8);
  const { data, at } = to;
  data[at] = low & 255;
  data[at + 1] = (low >> 8) & 255;
  data[at + 2] = (low >> 16) & 255;
  data[at + 3] = (low >> 24) & 255;
  data[at + 4] = high & 255;
  data[at + 5] = (high >> 8) & 255;
  data[at + 6] = (high >> 16) & 255;
  data[at + 7] = (high >> 24) & 255;
  to.at = at + 8;
}

const wide = new BigUint64Array(1);
const wideHalves = new Int32Array(wide.buffer); // The least first, as on every machine that Node runs on.

/** Writes a whole number that is not negative as 64 bits. */
export function putWide(value: number | bigint, to: Bytes): void {
  if (typeof value === 'number') return putHalves(Math.floor(value / two32), value >>> 0, to);
  wide[0] = value;
  putHalves(wideHalves[1] ?? 0, wideHalves[0] ?? 0, to);
}

/** Writes a length as ClickHouse does: seven bits to a byte. */
export function putVarint(value: number, to: Bytes): void {
  to.room(5);
  let rest = value;
  while (rest > 127) {
    to.data[to.at++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  to.data[to.at++] = rest;
}

/** Writes a length, and as many bytes. */
export function putSized(from: Buffer, start: number, length: number, to: Bytes): void {
  putVarint(length, to);
  to.copy(from, start, length);
}

/** How many bytes ClickHouse takes for a decimal of so many digits. */
export const decimalWidth = (precision: number): number =>
  precision <= 9 ? 4 : precision <= 18 ? 8 : precision <= 38 ? 16 : 32;

const two32 = 0x1_0000_0000;
const micros = 86_400_000_000;
const firstDay = -25_567; // 1900-01-01, and the day after 2299-12-31: ClickHouse bends what is beyond.
const endDay = 120_530;

/** A number of 64 bits that a double holds, in halves. */
function split(value: number) {
  const high = Math.floor(value / two32);
  return { high, low: value - high * two32 };
}

const first = split(firstDay * micros);
const end = split(endDay * micros);

/** What ClickHouse can hold of the calendar. */
export const inBounds = {
  day: (day: number): boolean => day >= firstDay && day < endDay,
  moment(high: number, low: number): boolean {
    const unsigned = low >>> 0;
    return (
      (high > first.high || (high === first.high && unsigned >= first.low)) &&
      (high < end.high || (high === end.high && unsigned < end.low))
    );
  },
};
