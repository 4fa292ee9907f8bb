import type { Bytes } from '../../schemas/bytes.ts';

/** A boolean, from 't' or 'f'. */
export function writeBoolean(data: Buffer, start: number, length: number, out: Bytes): boolean {
  const letter = data[start];
  if (length !== 1 || (letter !== 0x74 && letter !== 0x66)) return false;
  out.byte(letter === 0x74 ? 1 : 0);
  return true;
}

/** The server's text as it is. */
export function writeString(data: Buffer, start: number, length: number, out: Bytes): boolean {
  out.sized(data, start, length);
  return true;
}

const hyphen = 0x2d;

/** A uuid as the server writes it: 36 characters, four of them hyphens. */
export function writeUuid(data: Buffer, start: number, length: number, out: Bytes): boolean {
  if (length !== 36 || data[start + 8] !== hyphen || data[start + 13] !== hyphen) return false;
  if (data[start + 18] !== hyphen || data[start + 23] !== hyphen) return false;
  out.sized(data, start, length);
  return true;
}

/** The bytes that `\x` and two digits per byte stand for. */
export function writeHex(data: Buffer, start: number, length: number, out: Bytes): boolean {
  if (length < 2 || length % 2 === 1 || data[start] !== 0x5c || data[start + 1] !== 0x78)
    return false;
  const count = length / 2 - 1;
  out.zigzag(count);
  out.room(count);
  const { data: target } = out;
  let at = start + 2;
  for (let to = out.at; to < out.at + count; to++) {
    const high = digitOf[data[at++] ?? 0] ?? 0;
    const low = digitOf[data[at++] ?? 0] ?? 0;
    if ((high | low) > 15) return false;
    target[to] = (high << 4) | low;
  }
  out.at += count;
  return true;
}

/** The hexadecimal digit of each character; 16 where there is none. */
const digitOf = new Uint8Array(256).fill(16);
for (let digit = 0; digit < 16; digit++) digitOf[digit.toString(16).charCodeAt(0)] = digit;
