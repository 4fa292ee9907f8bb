import type { AvroColumn, Decimal } from '../../schemas/avro.ts';
import type { Bytes } from '../../schemas/bytes.ts';
import { uuidText } from './binary-bytes.ts';
import { epochDays, epochMicros, firstHigh, lastHigh } from './binary-times.ts';
import { scaleOf, type ValueWriter } from './text.ts';
import { writeWhole } from './text-decimal.ts';

const writeBoolean: ValueWriter = (data, start, _length, out) => {
  out.byte(data[start] === 0 ? 0 : 1);
  return true;
};

const writeInt2: ValueWriter = (data, start, _length, out) => {
  out.zigzag(data.readInt16BE(start));
  return true;
};

const writeInt4: ValueWriter = (data, start, _length, out) => {
  out.zigzag(data.readInt32BE(start));
  return true;
};

const writeUint4: ValueWriter = (data, start, _length, out) => {
  out.zigzag(data.readUInt32BE(start));
  return true;
};

const writeInt8: ValueWriter = (data, start, _length, out) => {
  writeHalves(data.readInt32BE(start), data.readUInt32BE(start + 4), out);
  return true;
};

/** Writes an integer of 64 bits whose upper half has the sign. */
function writeHalves(high: number, low: number, out: Bytes): void {
  if (high >= 0) out.zigzagHalves(false, high, low);
  else out.zigzagHalves(true, low === 0 ? -high : ~high, -low >>> 0);
}

const writeFloat4: ValueWriter = (data, start, _length, out) => {
  writeReversed(data, start, 4, out);
  return true;
};

const writeFloat8: ValueWriter = (data, start, _length, out) => {
  writeReversed(data, start, 8, out);
  return true;
};

/** The server sends the greatest byte first, Avro wants the least. */
function writeReversed(data: Buffer, start: number, length: number, out: Bytes): void {
  out.room(length);
  for (let at = start + length - 1; at >= start; at--) out.data[out.at++] = data[at] ?? 0;
}

const writeSame: ValueWriter = (data, start, length, out) => {
  out.sized(data, start, length);
  return true;
};

const writeVersioned: ValueWriter = (data, start, length, out) => {
  out.sized(data, start + 1, length - 1);
  return true;
};

const writeUuid: ValueWriter = (data, start, length, out) => {
  out.byte(36 * 2);
  uuidText(data, start, length, out);
  return true;
};

const writeDate: ValueWriter = (data, start, _length, out) => {
  const days = data.readInt32BE(start);
  if (days === lastHigh || days === firstHigh) return false;
  out.zigzag(days + epochDays);
  return true;
};

const dayMicros = 86_400_000_000;

const writeTime: ValueWriter = (data, start, _length, out) => {
  const micros = data.readInt32BE(start) * 0x1_0000_0000 + data.readUInt32BE(start + 4);
  if (micros >= dayMicros) return false;
  out.zigzag(micros);
  return true;
};

const epochLow = epochMicros % 0x1_0000_0000;
const epochHigh = (epochMicros - epochLow) / 0x1_0000_0000;

/** Both kinds of timestamp are microseconds; infinities, and what is past 294247-01-10, do not fit. */
const writeStamp: ValueWriter = (data, start, _length, out) => {
  const high = data.readInt32BE(start);
  const low = data.readUInt32BE(start + 4);
  if (high > -0x10_0000 && high < 0x10_0000) {
    out.zigzag(high * 0x1_0000_0000 + low + epochMicros);
    return true;
  }
  if (high === firstHigh && low === 0) return false;
  const sum = low + epochLow;
  const carried = sum >= 0x1_0000_0000 ? 1 : 0;
  const shifted = high + epochHigh + carried;
  if (shifted > 0x7fff_ffff) return false;
  writeHalves(shifted, sum >>> 0, out);
  return true;
};

const groupDigits = 4;

/** A numeric of few digits as a decimal; what is longer, or of another scale, is left to its text. */
const decimalWriter = ({ precision, scale }: Decimal): ValueWriter => {
  const limit = 10 ** Math.min(precision, 15);
  return (data, start, _length, out) => {
    const count = data.readInt16BE(start);
    if (count > 4 || data.readUInt16BE(start + 6) !== scale) return false;
    const sign = data.readUInt16BE(start + 4);
    if (sign > 0x4000) return false;
    let value = 0;
    for (let index = 0; index < count; index++)
      value = value * 10_000 + data.readUInt16BE(start + 8 + 2 * index);
    const power = scale + groupDigits * (data.readInt16BE(start + 2) - count + 1);
    const whole = power < 0 ? value / 10 ** -power : value * 10 ** power;
    if (whole >= limit || value > Number.MAX_SAFE_INTEGER) return false;
    writeWhole(sign === 0 || whole === 0 ? whole : -whole, out);
    return true;
  };
};

/** Writes the Avro of a binary value without its text in between, where kind and type belong together. */
export function binaryValueWriter(column: AvroColumn, type: string): ValueWriter | null {
  const { kind } = column;
  switch (type.replace(/\([\d,-]+\)/, '')) {
    case 'boolean':
      return kind === 'boolean' ? writeBoolean : null;
    case 'smallint':
      return kind === 'int' ? writeInt2 : null;
    case 'integer':
      return kind === 'int' ? writeInt4 : null;
    case 'bigint':
      return kind === 'long' ? writeInt8 : null;
    case 'oid':
    case 'xid':
    case 'cid':
      return kind === 'long' ? writeUint4 : null;
    case 'real':
      return kind === 'float' ? writeFloat4 : null;
    case 'double precision':
      return kind === 'double' ? writeFloat8 : null;
    case 'bytea':
      return kind === 'bytes' ? writeSame : null;
    case 'uuid':
      return kind === 'uuid' ? writeUuid : null;
    case 'date':
      return kind === 'date' ? writeDate : null;
    case 'time without time zone':
      return kind === 'time' ? writeTime : null;
    case 'timestamp without time zone':
      return kind === 'timestamp' ? writeStamp : null;
    case 'timestamp with time zone':
      return kind === 'timestamptz' ? writeStamp : null;
    case 'numeric':
      return kind === 'decimal' ? decimalWriter(scaleOf(column)) : null;
    case 'jsonb':
      return kind === 'string' ? writeVersioned : null;
    case 'text':
    case 'character varying':
    case 'character':
    case 'name':
    case 'json':
      return kind === 'string' ? writeSame : null;
    default:
      return null;
  }
}
