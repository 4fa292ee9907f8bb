import type { Bytes } from '../../schemas/bytes.ts';
import { writeDigits, writeHalves, writePadded } from '../../schemas/digits.ts';
import { float4Text, float8Text } from '../../schemas/float-text.ts';

const minus = 0x2d;

/** Writes what the server would send as text for a value that it sends in binary. */
export type BinaryText = (data: Buffer, start: number, length: number, out: Bytes) => void;

export const booleanText: BinaryText = (data, start, _length, out) =>
  out.byte(data[start] === 0 ? 0x66 : 0x74);

export const int2Text: BinaryText = (data, start, _length, out) =>
  writeSigned(data.readInt16BE(start), out);

export const int4Text: BinaryText = (data, start, _length, out) =>
  writeSigned(data.readInt32BE(start), out);

/** Of oid, xid and cid, which have no sign. */
export const uint4Text: BinaryText = (data, start, _length, out) =>
  writeDigits(data.readUInt32BE(start), out);

export const int8Text: BinaryText = (data, start, _length, out) => {
  const high = data.readInt32BE(start);
  const low = data.readUInt32BE(start + 4);
  if (high >= 0) return writeHalves(high, low, out);
  out.byte(minus);
  writeHalves(low === 0 ? -high : ~high, -low >>> 0, out);
};

/** Of xid8, which has no sign either. */
export const uint8Text: BinaryText = (data, start, _length, out) =>
  writeHalves(data.readUInt32BE(start), data.readUInt32BE(start + 4), out);

/** Of tid: a block and a place in it. */
export const tidText: BinaryText = (data, start, _length, out) => {
  out.byte(0x28);
  writeDigits(data.readUInt32BE(start), out);
  out.byte(0x2c);
  writeDigits(data.readUInt16BE(start + 4), out);
  out.byte(0x29);
};

export const realText: BinaryText = (data, start, _length, out) =>
  out.ascii(float4Text(data.readFloatBE(start)));

export const doubleText: BinaryText = (data, start, _length, out) => writeFloat8(data, start, out);

export function writeFloat8(data: Buffer, start: number, out: Bytes): void {
  out.ascii(float8Text(data.readDoubleBE(start)));
}

function writeSigned(value: number, out: Bytes): void {
  if (value < 0) out.byte(minus);
  writeDigits(value < 0 ? -value : value, out);
}

/** What the sign of a numeric says when it is no number. */
const notNumbers: ReadonlyMap<number, string> = new Map([
  [0xc000, 'NaN'],
  [0xd000, 'Infinity'],
  [0xf000, '-Infinity'],
]);

/** Of numeric: groups of four digits, the first of weight 10000^weight, and how many digits follow the point. */
export const numericText: BinaryText = (data, start, _length, out) => {
  const count = data.readInt16BE(start);
  const weight = data.readInt16BE(start + 2);
  const sign = data.readUInt16BE(start + 4);
  const scale = data.readUInt16BE(start + 6);
  const word = notNumbers.get(sign);
  if (word !== undefined) return out.ascii(word);
  const group = (index: number) =>
    index >= 0 && index < count ? data.readUInt16BE(start + 8 + 2 * index) : 0;

  if (sign !== 0) out.byte(minus);
  writeDigits(group(weight < 0 ? -1 : 0), out);
  for (let index = 1; index <= weight; index++) writePadded(group(index), 4, out);
  if (scale === 0) return;
  out.byte(0x2e);
  const end = out.at + scale;
  for (let index = weight + 1; out.at < end; index++) writePadded(group(index), 4, out);
  out.at = end;
};
