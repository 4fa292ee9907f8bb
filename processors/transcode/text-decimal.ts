import type { Decimal } from '../../schemas/avro.ts';
import type { Bytes } from '../../schemas/bytes.ts';
import type { ValueWriter } from './text.ts';

const minus = 0x2d;
const point = 0x2e;
const exactDigits = 15; // As many as a double holds, whatever they are.

/** Writes a numeric of exactly so many digits after its point as Avro's decimal: the digits as one whole number. */
export function decimalWriter({ precision, scale }: Decimal): ValueWriter {
  return (data, start, length, out) => {
    const negative = data[start] === minus;
    const first = negative ? start + 1 : start;
    const end = start + length;
    const pointAt = scale === 0 ? end : end - scale - 1;
    if (pointAt <= first || (scale > 0 && data[pointAt] !== point)) return false;
    const isBelowOne = data[first] === 0x30;
    if (isBelowOne && pointAt > first + 1) return false; // Not as the server writes it.
    let value = 0;
    for (let at = first; at < end; at++) {
      if (at === pointAt) continue;
      const digit = (data[at] ?? 0) - 0x30;
      if (digit < 0 || digit > 9) return false;
      value = value * 10 + digit; // No longer exact past 15 digits, and then not used.
    }
    const digits = end - first - (scale === 0 ? 0 : 1);
    if (digits - (isBelowOne ? 1 : 0) > precision) return false;
    if (digits > exactDigits) return writeLong(data, first, pointAt, end, negative, out);
    if (negative && value === 0) return false; // The server has no -0.
    writeWhole(negative ? -value : value, out);
    return true;
  };
}

/** Writes a whole number that a double holds as bytes: two's complement, as few as will do, their count first. */
export function writeWhole(value: number, out: Bytes): void {
  out.room(9);
  const { data } = out;
  let to = out.at;
  const low = value | 0;
  if (low === value) {
    const size =
      low === (low << 24) >> 24
        ? 1
        : low === (low << 16) >> 16
          ? 2
          : low === (low << 8) >> 8
            ? 3
            : 4;
    data[to++] = size * 2;
    for (let shift = size * 8 - 8; shift >= 0; shift -= 8) data[to++] = low >> shift;
    out.at = to;
    return;
  }
  const high = Math.floor(value / 0x1_0000_0000);
  const extra =
    high === (high << 24) >> 24
      ? 1
      : high === (high << 16) >> 16
        ? 2
        : high === (high << 8) >> 8
          ? 3
          : 4;
  // Four bytes may do for the lower half only with a sign of their own, and those were written above.
  data[to++] = (extra + 4) * 2;
  for (let shift = extra * 8 - 8; shift >= 0; shift -= 8) data[to++] = high >> shift;
  data[to++] = low >> 24;
  data[to++] = low >> 16;
  data[to++] = low >> 8;
  data[to++] = low;
  out.at = to;
}

const limbs = new Float64Array(6); // 24 bits each: 38 digits take 127.
const limb = 0x100_0000;

/** Writes digits that no double holds. A BigInt would take five times as long. */
function writeLong(
  data: Buffer,
  first: number,
  pointAt: number,
  end: number,
  negative: boolean,
  out: Bytes,
): boolean {
  limbs.fill(0);
  let gathered = 0;
  let factor = 1;
  for (let at = first; at < end; at++) {
    if (at === pointAt) continue;
    gathered = gathered * 10 + ((data[at] ?? 0) - 0x30);
    factor *= 10;
    if (factor < 10_000_000) continue;
    multiplyAdd(factor, gathered);
    gathered = 0;
    factor = 1;
  }
  if (factor > 1) multiplyAdd(factor, gathered);
  if (negative) negate();
  writeLimbs(out);
  return true;
}

function multiplyAdd(factor: number, addend: number): void {
  let carry = addend;
  for (let index = 0; index < limbs.length; index++) {
    const product = (limbs[index] ?? 0) * factor + carry;
    carry = Math.floor(product / limb);
    limbs[index] = product - carry * limb;
  }
}

function negate(): void {
  let borrow = 0;
  for (let index = 0; index < limbs.length; index++) {
    const rest = -(limbs[index] ?? 0) - borrow;
    borrow = rest < 0 ? 1 : 0;
    limbs[index] = rest + borrow * limb;
  }
}

/** Writes the limbs as bytes, the greatest first, without those that only repeat the sign. */
function writeLimbs(out: Bytes): void {
  const byteAt = (index: number) => ((limbs[(index / 3) | 0] ?? 0) >> ((index % 3) * 8)) & 0xff;
  let top = limbs.length * 3 - 1;
  const sign = byteAt(top) < 0x80 ? 0 : 0xff;
  while (top > 0 && byteAt(top) === sign && ((byteAt(top - 1) ^ sign) & 0x80) === 0) top--;
  out.room(top + 2);
  const { data } = out;
  let to = out.at;
  data[to++] = (top + 1) * 2;
  for (let index = top; index >= 0; index--) data[to++] = byteAt(index);
  out.at = to;
}
