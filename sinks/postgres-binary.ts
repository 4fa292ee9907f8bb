import { AvroInteger } from '../schemas/avro-integer.ts';
import type { Bytes } from '../schemas/bytes.ts';
import { writeNumeric } from './postgres-numeric.ts';

/**
 * Writes the value of Avro's that begins at a place as a field of a binary COPY: its length, and its bytes as a type
 * of the server's has them. False for a value that the type has not: what was written of it does not count.
 */
export type WriteValue = (data: Buffer, at: number, out: Bytes) => boolean;

/** How a kind of Avro's is written as a type of the server's; undefined where the server is to read its text. */
export function binaryWriter(kind: string, scale: number, type: string): WriteValue | undefined {
  if (kind === 'decimal' && type === 'numeric')
    return (data, at, out) => writeNumeric(data, at, scale, out);
  return writers.get(`${kind} ${type}`);
}

/** How a text that says what its kind does not hold is written as a type of the server's. */
export function escapeWriter(type: string): WriteValue {
  if (type === 'date') return writeEndlessDay;
  return type.startsWith('timestamp') ? writeEndlessTime : () => false;
}

const writers: ReadonlyMap<string, WriteValue> = new Map<string, WriteValue>([
  ['boolean boolean', writeBoolean],
  ['int smallint', writeSmallint],
  ['int integer', writeInteger],
  ['int bigint', writeBigint],
  ['long bigint', writeBigint],
  ['abstract:long bigint', writeBigint],
  ['float real', writeReal],
  ['double double precision', writeDouble],
  ['bytes bytea', writeSized],
  ['string text', writeSized],
  ['uuid uuid', writeUuid],
  ['date date', writeDate],
  ['time-micros time without time zone', writeBigint],
  ['local-timestamp-micros timestamp without time zone', writeTimestamp],
  ['timestamp-micros timestamp with time zone', writeTimestamp],
]);

const integer = new AvroInteger();
const daysTo2000 = 10_957;
const microsTo2000 = 946_684_800_000_000;

function writeBoolean(data: Buffer, at: number, out: Bytes): boolean {
  out.word(1);
  out.byte(data[at] ?? 0);
  return true;
}

function writeSmallint(data: Buffer, at: number, out: Bytes): boolean {
  integer.read(data, at);
  const { low } = integer;
  if (low < -0x8000 || low > 0x7fff) return false;
  out.word(2);
  out.short(low);
  return true;
}

function writeInteger(data: Buffer, at: number, out: Bytes): boolean {
  integer.read(data, at);
  return writeFour(integer.low, out);
}

function writeBigint(data: Buffer, at: number, out: Bytes): boolean {
  integer.read(data, at);
  return writeEight(integer.high, integer.low, out);
}

/** The server has the greatest byte first, Avro the least. */
function writeReal(data: Buffer, at: number, out: Bytes): boolean {
  return writeFour(data.readInt32LE(at), out);
}

function writeDouble(data: Buffer, at: number, out: Bytes): boolean {
  return writeEight(data.readInt32LE(at + 4), data.readInt32LE(at), out);
}

function writeSized(data: Buffer, at: number, out: Bytes): boolean {
  const first = data[at] ?? 0;
  if (first < 128) {
    const length = first >>> 1;
    out.word(length);
    out.copy(data, at + 1, length);
    return true;
  }
  integer.read(data, at);
  out.word(integer.low);
  out.copy(data, integer.at, integer.low);
  return true;
}

function writeDate(data: Buffer, at: number, out: Bytes): boolean {
  integer.read(data, at);
  return integer.low >= daysTo2000 - 0x8000_0000 && writeFour(integer.low - daysTo2000, out);
}

function writeTimestamp(data: Buffer, at: number, out: Bytes): boolean {
  integer.read(data, at);
  const wasNegative = integer.high < 0;
  integer.subtract(microsTo2000);
  if (wasNegative && integer.high >= 0) return false;
  return writeEight(integer.high, integer.low, out);
}

const uuidLength = 36;
const hyphen = 0x2d;

function writeUuid(data: Buffer, at: number, out: Bytes): boolean {
  if (data[at] !== uuidLength * 2) return false;
  out.word(16);
  out.room(16);
  const { data: to } = out;
  const end = at + 1 + uuidLength;
  let place = out.at;
  for (let from = at + 1; from < end;) {
    if (data[from] === hyphen) from++;
    const high = digitOf(data[from++] ?? 0);
    const low = digitOf(data[from++] ?? 0);
    if (high < 0 || low < 0 || place === out.at + 16) return false;
    to[place++] = (high << 4) | low;
  }
  out.at += 16;
  return place === out.at;
}

/** The value of a hexadecimal digit; -1 of anything else. */
function digitOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function writeEndlessDay(data: Buffer, at: number, out: Bytes): boolean {
  const sign = endOf(data, at);
  return sign !== 0 && writeFour(sign > 0 ? 0x7fff_ffff : -0x8000_0000, out);
}

function writeEndlessTime(data: Buffer, at: number, out: Bytes): boolean {
  const sign = endOf(data, at);
  return sign !== 0 && writeEight(sign > 0 ? 0x7fff_ffff : -0x8000_0000, -Math.max(sign, 0), out);
}

const infinity = Buffer.from('infinity');

/** Which end of time a text says; 0 if none. */
function endOf(data: Buffer, at: number): -1 | 0 | 1 {
  const isNegative = data[at + 1] === hyphen;
  const length = infinity.length + (isNegative ? 1 : 0);
  if (data[at] !== length * 2) return 0;
  const end = at + 1 + length;
  if (infinity.compare(data, end - infinity.length, end) !== 0) return 0;
  return isNegative ? -1 : 1;
}

function writeFour(value: number, out: Bytes): true {
  out.word(4);
  out.word(value);
  return true;
}

function writeEight(high: number, low: number, out: Bytes): true {
  out.word(8);
  out.word(high);
  out.word(low);
  return true;
}
