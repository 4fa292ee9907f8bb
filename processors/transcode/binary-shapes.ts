import type { Bytes } from '../../schemas/bytes.ts';
import { writeFloat8, type BinaryText } from './binary-numbers.ts';

/** Of point. */
export const pointText: BinaryText = (data, start, _length, out) => writePoint(data, start, out);

/** Of line: the three coefficients of its equation. */
export const lineText: BinaryText = (data, start, _length, out) => {
  out.byte(0x7b);
  for (let index = 0; index < 3; index++) {
    if (index > 0) out.byte(0x2c);
    writeFloat8(data, start + 8 * index, out);
  }
  out.byte(0x7d);
};

/** Of lseg: its ends. */
export const lsegText: BinaryText = (data, start, _length, out) => {
  out.byte(0x5b);
  writePoints(data, start, 2, out);
  out.byte(0x5d);
};

/** Of box: two of its corners. */
export const boxText: BinaryText = (data, start, _length, out) => writePoints(data, start, 2, out);

/** Of path: in parentheses if it is closed. */
export const pathText: BinaryText = (data, start, _length, out) => {
  const isClosed = data[start] !== 0;
  out.byte(isClosed ? 0x28 : 0x5b);
  writePoints(data, start + 5, data.readInt32BE(start + 1), out);
  out.byte(isClosed ? 0x29 : 0x5d);
};

/** Of polygon. */
export const polygonText: BinaryText = (data, start, _length, out) => {
  out.byte(0x28);
  writePoints(data, start + 4, data.readInt32BE(start), out);
  out.byte(0x29);
};

/** Of circle: its centre and its radius. */
export const circleText: BinaryText = (data, start, _length, out) => {
  out.byte(0x3c);
  writePoint(data, start, out);
  out.byte(0x2c);
  writeFloat8(data, start + 16, out);
  out.byte(0x3e);
};

function writePoints(data: Buffer, start: number, count: number, out: Bytes): void {
  for (let index = 0; index < count; index++) {
    if (index > 0) out.byte(0x2c);
    writePoint(data, start + 16 * index, out);
  }
}

function writePoint(data: Buffer, start: number, out: Bytes): void {
  out.byte(0x28);
  writeFloat8(data, start, out);
  out.byte(0x2c);
  writeFloat8(data, start + 8, out);
  out.byte(0x29);
}
