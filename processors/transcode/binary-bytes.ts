import type { Bytes } from '../../schemas/bytes.ts';
import { writeDigits } from '../../schemas/digits.ts';
import type { BinaryText } from './binary-numbers.ts';

/** Of types whose binary form is their text. */
export const sameText: BinaryText = (data, start, length, out) => out.copy(data, start, length);

/** Of types whose binary form is their text after a version, which is 1. */
export const versionedText: BinaryText = (data, start, length, out) =>
  out.copy(data, start + 1, length - 1);

/** The two digits of each byte, one in each half. */
const hexDigits = Uint16Array.from({ length: 256 }, (_, byte) =>
  Buffer.from(byte.toString(16).padStart(2, '0')).readUInt16BE(),
);

function writeHexDigits(data: Buffer, start: number, end: number, out: Bytes): void {
  out.room((end - start) * 2);
  const { data: target } = out;
  let to = out.at;
  for (let at = start; at < end; at++) {
    const digits = hexDigits[data[at] ?? 0] ?? 0;
    target[to++] = digits >> 8;
    target[to++] = digits;
  }
  out.at = to;
}

/** Of bytea, in a session whose bytea_output is hex. */
export const byteaText: BinaryText = (data, start, length, out) => {
  out.ascii('\\x');
  writeHexDigits(data, start, start + length, out);
};

export const uuidText: BinaryText = (data, start, _length, out) => {
  writeHexDigits(data, start, start + 4, out);
  for (let at = start + 4; at < start + 10; at += 2) {
    out.byte(0x2d);
    writeHexDigits(data, at, at + 2, out);
  }
  out.byte(0x2d);
  writeHexDigits(data, start + 10, start + 16, out);
};

/** Of macaddr and macaddr8: bytes with colons between them. */
export const macaddrText: BinaryText = (data, start, length, out) => {
  for (let at = start; at < start + length; at++) {
    if (at > start) out.byte(0x3a);
    writeHexDigits(data, at, at + 1, out);
  }
};

/** Of bit and varbit: how many bits, and the bytes that hold them. */
export const bitText: BinaryText = (data, start, _length, out) => {
  const bits = data.readInt32BE(start);
  out.room(bits);
  for (let bit = 0; bit < bits; bit++) {
    const byte = data[start + 4 + (bit >> 3)] ?? 0;
    out.byte(0x30 + ((byte >> (7 - (bit & 7))) & 1));
  }
};

/** Of "char": one byte, nothing if it is zero, and in octal digits if it is no ASCII. */
export const charText: BinaryText = (data, start, _length, out) => {
  const byte = data[start] ?? 0;
  if (byte >= 0x80) out.ascii(`\\${byte.toString(8)}`);
  else if (byte !== 0) out.byte(byte);
};

const family4 = 2;

/** Of inet and cidr: family, bits of the mask, whether it is a cidr, and the address behind its length. */
export const inetText: BinaryText = (data, start, _length, out) => {
  const is4 = data[start] === family4;
  const bits = data[start + 1] ?? 0;
  const at = start + 4;
  if (is4) writeAddress4(data, at, out);
  else writeAddress6(data, at, out);
  if (data[start + 2] === 0 && bits === (is4 ? 32 : 128)) return;
  out.byte(0x2f);
  writeDigits(bits, out);
};

function writeAddress4(data: Buffer, start: number, out: Bytes): void {
  for (let at = start; at < start + 4; at++) {
    if (at > start) out.byte(0x2e);
    writeDigits(data[at] ?? 0, out);
  }
}

/** The first of the longest runs of two zeros or more is left out; behind only zeros, or ffff, the end is an IPv4. */
function writeAddress6(data: Buffer, start: number, out: Bytes): void {
  const words = Array.from({ length: 8 }, (_, index) => data.readUInt16BE(start + 2 * index));
  const [from, count] = longestZeros(words);
  for (let index = 0; index < 8; index++) {
    if (index >= from && index < from + count) {
      if (index === from) out.byte(0x3a);
      continue;
    }
    if (index > 0) out.byte(0x3a);
    if (index === 6 && from === 0 && (count === 6 || (count === 5 && words[5] === 0xffff))) {
      writeAddress4(data, start + 12, out);
      return;
    }
    out.ascii((words[index] ?? 0).toString(16));
  }
  if (count > 0 && from + count === 8) out.byte(0x3a);
}

function longestZeros(words: readonly number[]): readonly [from: number, count: number] {
  let best: readonly [number, number] = [-1, 0];
  for (let from = 0; from < 8; from++) {
    let count = 0;
    while (words[from + count] === 0) count++;
    if (count >= 2 && count > best[1]) best = [from, count];
  }
  return best;
}
