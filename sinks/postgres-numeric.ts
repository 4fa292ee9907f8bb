import { AvroInteger } from '../schemas/avro-integer.ts';
import type { Bytes } from '../schemas/bytes.ts';

const base = 10_000; // Of a digit as the server has them.
const mostDigits = 16; // More than the 41 decimal ones that a decimal of ours has at most, filled up to whole digits.
const negative = 0x4000;

const digits = new Int16Array(mostDigits); // Of the number at hand, the least first.
const words = new Float64Array(5); // 32 bits each, the greatest first: more than 38 decimal digits and three zeros.
const length = new AvroInteger();

/** Writes a decimal of Avro's as the server's `numeric` is in a binary COPY. False if it has more digits than ours have. */
export function writeNumeric(data: Buffer, from: number, scale: number, out: Bytes): boolean {
  length.read(data, from);
  const { low: size, at: start } = length;
  const isNegative = size > 0 && (data[start] ?? 0) > 127;
  const count =
    size <= 5 ? fromNumber(data, start, size, scale) : fromWords(data, start, size, scale);
  if (count < 0) return false;

  const fraction = Math.ceil(scale / 4);
  let least = 0; // Zeros at the end are not written.
  while (least < count && digits[least] === 0) least++;
  out.word(8 + 2 * (count - least));
  out.short(count - least);
  out.short(count === 0 ? 0 : count - fraction - 1);
  out.short(isNegative ? negative : 0);
  out.short(scale);
  for (let at = count - 1; at >= least; at--) out.short(digits[at] ?? 0);
  return true;
}

/** How many zeros fill the digits after the point up to whole ones of the server's. */
const filling = (scale: number): number => (scale % 4 === 0 ? 1 : 10 ** (4 - (scale % 4)));

/** Up to five bytes: all of it is exact in a double. */
function fromNumber(data: Buffer, start: number, size: number, scale: number): number {
  const value = size === 0 ? 0 : data.readIntBE(start, size);
  let rest = Math.abs(value) * filling(scale);
  let count = 0;
  while (rest > 0) {
    const next = Math.floor(rest / base);
    digits[count++] = rest - next * base;
    rest = next;
  }
  return count;
}

function fromWords(data: Buffer, start: number, size: number, scale: number): number {
  if (size > 17) return -1;
  takeSize(data, start, size);
  multiply(filling(scale));
  let count = 0;
  for (let first = 0; first < words.length;) {
    if (words[first] === 0) {
      first++;
      continue;
    }
    if (count === mostDigits) return -1;
    let rest = 0;
    for (let at = first; at < words.length; at++) {
      const whole = rest * 0x1_0000_0000 + (words[at] ?? 0);
      words[at] = Math.floor(whole / base);
      rest = whole - (words[at] ?? 0) * base;
    }
    digits[count++] = rest;
  }
  return count;
}

/** Puts what the bytes say, without its sign, into the words. */
function takeSize(data: Buffer, start: number, size: number): void {
  const flip = (data[start] ?? 0) > 127 ? 0xff : 0;
  words.fill(0);
  let carry = flip === 0 ? 0 : 1;
  for (let at = 0; at < size; at++) {
    const byte = ((data[start + size - 1 - at] ?? 0) ^ flip) + carry;
    carry = byte >> 8;
    const word = words.length - 1 - (at >> 2);
    words[word] = (words[word] ?? 0) + (byte & 0xff) * 2 ** ((at & 3) * 8);
  }
}

function multiply(factor: number): void {
  let carry = 0;
  for (let at = words.length - 1; at >= 0; at--) {
    const whole = (words[at] ?? 0) * factor + carry;
    carry = Math.floor(whole / 0x1_0000_0000);
    words[at] = whole - carry * 0x1_0000_0000;
  }
}
