import type { Bytes } from '../../schemas/bytes.ts';
import { float32Of, isMiddle } from '../../schemas/float32.ts';

const minus = 0x2d;

/** A whole number of 32 bits. */
export function writeInt(data: Buffer, start: number, length: number, out: Bytes): boolean {
  const negative = data[start] === minus;
  const first = negative ? start + 1 : start;
  if (length > 11) return false;
  const magnitude = digitsBetween(data, first, start + length);
  if (magnitude < 0 || magnitude > (negative ? 0x8000_0000 : 0x7fff_ffff)) return false;
  out.zigzag(negative ? -magnitude : magnitude);
  return true;
}

/** A whole number of 64 bits. What a double cannot hold is taken in two parts, for a BigInt costs ten times as much. */
export function writeLong(data: Buffer, start: number, length: number, out: Bytes): boolean {
  const negative = data[start] === minus;
  const first = negative ? start + 1 : start;
  const end = start + length;
  if (end - first <= 15) {
    const magnitude = digitsBetween(data, first, end);
    if (magnitude < 0) return false;
    out.zigzag(negative ? -magnitude : magnitude);
    return true;
  }
  if (end - first > 19) return false;
  const upper = digitsBetween(data, first, end - 9);
  const lower = digitsBetween(data, end - 9, end);
  return upper >= 0 && lower >= 0 && writeProduct(negative, upper, 1_000_000_000, lower, out);
}

/** The number that at most 15 digits make; -1 if there are none, or something else is among them. */
export function digitsBetween(data: Buffer, start: number, end: number): number {
  if (start >= end) return -1;
  if (end - start <= 9) return nineBetween(data, start, end);
  const upper = nineBetween(data, start, start + 6);
  const lower = nineBetween(data, start + 6, end);
  return upper < 0 || lower < 0 ? -1 : upper * (powers[end - start - 6] ?? 0) + lower;
}

const powers: readonly number[] = Array.from({ length: 10 }, (_, digits) => 10 ** digits);

/** Nine digits are an integer of 32 bits, which is counted faster. */
function nineBetween(data: Buffer, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = (data[at] ?? 0) ^ 0x30;
    if (digit > 9) return -1;
    value = (Math.imul(value, 10) + digit) | 0;
  }
  return value;
}

const half = 0x1_0000;

/**
 * Writes ±(`a` × `factor` + `b`), if it fits 64 bits. `a` is below 10 000 000 000 000 and `factor` small
 * enough for every product here to be exact in a double.
 */
export function writeProduct(
  negative: boolean,
  a: number,
  factor: number,
  b: number,
  out: Bytes,
): boolean {
  const aLow = a % half;
  const upper = ((a - aLow) / half) * factor; // Times 2^16, and beside it
  const lower = aLow * factor + b;
  const upperLow = upper % half;
  const sum = upperLow * half + lower;
  const low = sum >>> 0;
  const high = (upper - upperLow) / half + (sum - low) / 0x1_0000_0000;
  if (high >= 0x8000_0000 && !(negative && high === 0x8000_0000 && low === 0)) return false;
  out.zigzagHalves(negative, high, low);
  return true;
}

/** A double, from the shortest text that is it. */
export function writeDouble(data: Buffer, start: number, length: number, out: Bytes): boolean {
  const value = doubleOf(data, start, length);
  if (value === null) return false;
  out.double(value);
  return true;
}

/** A float of 32 bits, from the shortest text that is it. */
export function writeFloat(data: Buffer, start: number, length: number, out: Bytes): boolean {
  const value = floatOf(data, start, length);
  if (value === null) return false;
  out.float(value);
  return true;
}

/** The double that a text is nearest to; null if it is no number. */
export function doubleOf(data: Buffer, start: number, length: number): number | null {
  const short = shortDecimal(data, start, length);
  if (short === short) return short;
  const text = data.toString('latin1', start, start + length);
  const value = Number(text);
  return length === 0 || (value !== value && text !== 'NaN') ? null : value;
}

/** The float of 32 bits that a text is nearest to; null if it is no such number. */
export function floatOf(data: Buffer, start: number, length: number): number | null {
  const short = shortDecimal(data, start, length);
  const float = Math.fround(short);
  if (short === short && !isMiddle(short, float)) return float;
  return float32Of(data.toString('latin1', start, start + length));
}

/**
 * The double of up to 15 digits with a point among them: both they and the power of ten that divides
 * them are exact as doubles, so that their quotient is rounded once. NaN where there is anything else.
 */
function shortDecimal(data: Buffer, start: number, length: number): number {
  const end = start + length;
  const negative = data[start] === minus;
  let at = negative ? start + 1 : start;
  if (end - at > 16 || end === at) return NaN;
  let digits = 0;
  let after = -1; // Digits after the point, once there is one.
  for (; at < end; at++) {
    const digit = (data[at] ?? 0) ^ 0x30;
    if (digit <= 9) {
      digits = digits * 10 + digit;
      if (after >= 0) after++;
    } else if (digit === 0x1e && after < 0) after = 0;
    else return NaN;
  }
  if (after === 0 || digits > 999_999_999_999_999) return NaN;
  const value = after > 0 ? digits / (tens[after] ?? NaN) : digits;
  return negative ? -value : value;
}

const tens: readonly number[] = Array.from({ length: 16 }, (_, power) => 10 ** power);
