import type { Bytes } from '../../schemas/bytes.ts';
import { writeDigits, writePadded } from '../../schemas/digits.ts';
import {
  writeBigMicros,
  writeDay,
  writeFraction,
  writeMicros,
  writeTime,
} from '../../schemas/moment.ts';
import type { BinaryText } from './binary-numbers.ts';

/** The server counts from 2000, everybody else from 1970. */
export const epochDays = 10_957;
export const epochMicros = epochDays * 86_400_000_000;

/** The halves that stand for no moment: beyond the last, and before the first. */
export const lastHigh = 0x7fff_ffff;
export const firstHigh = -0x8000_0000;
const lastLow = 0xffff_ffff;
const lastMicros = 0x7fff_ffff_ffff_ffffn;
const firstMicros = -0x8000_0000_0000_0000n;

export const dateText: BinaryText = (data, start, _length, out) => {
  const days = data.readInt32BE(start);
  if (days === lastHigh) out.ascii('infinity');
  else if (days === firstHigh) out.ascii('-infinity');
  else writeDay(days + epochDays, out);
};

/** Of time, up to 24:00:00 itself. */
export const timeText: BinaryText = (data, start, _length, out) =>
  writeTime(longOf(data, start), out);

/** Of timetz: the zone is in seconds west of Greenwich. */
export const timetzText: BinaryText = (data, start, _length, out) => {
  writeTime(longOf(data, start), out);
  const west = data.readInt32BE(start + 8);
  out.byte(west > 0 ? 0x2d : 0x2b);
  const seconds = Math.abs(west);
  writePadded((seconds / 3_600) | 0, 2, out);
  if (seconds % 3_600 === 0) return;
  out.byte(0x3a);
  writePadded(((seconds / 60) | 0) % 60, 2, out);
  if (seconds % 60 === 0) return;
  out.byte(0x3a);
  writePadded(seconds % 60, 2, out);
};

export const timestampText: BinaryText = (data, start, _length, out) =>
  writeStamp(data, start, '', out);

/** In a session whose zone is UTC. */
export const timestamptzText: BinaryText = (data, start, _length, out) =>
  writeStamp(data, start, '+00', out);

function writeStamp(data: Buffer, start: number, zone: string, out: Bytes): void {
  const high = data.readInt32BE(start);
  const low = data.readUInt32BE(start + 4);
  if (high === lastHigh && low === lastLow) out.ascii('infinity');
  else if (high === firstHigh && low === 0) out.ascii('-infinity');
  else if (high > -0x10_0000 && high < 0x10_0000)
    writeMicros(high * 0x1_0000_0000 + low + epochMicros, zone, out);
  else writeBigMicros(data.readBigInt64BE(start) + BigInt(epochMicros), zone, out);
}

const longOf = (data: Buffer, start: number): number =>
  data.readInt32BE(start) * 0x1_0000_0000 + data.readUInt32BE(start + 4);

/** Of interval: microseconds, days and months, in a session whose intervalstyle is postgres. */
export const intervalText: BinaryText = (data, start, _length, out) => {
  const micros = data.readBigInt64BE(start);
  const days = data.readInt32BE(start + 8);
  const months = data.readInt32BE(start + 12);
  if (days === lastHigh && months === lastHigh && micros === lastMicros)
    return out.ascii('infinity');
  if (days === firstHigh && months === firstHigh && micros === firstMicros)
    return out.ascii('-infinity');
  const begun = out.at;
  const years = Math.trunc(months / 12);
  let isAfterMinus = writeField(years, 'year', begun, false, out);
  isAfterMinus = writeField(months - years * 12, 'mon', begun, isAfterMinus, out);
  isAfterMinus = writeField(days, 'day', begun, isAfterMinus, out);
  if (micros !== 0n || out.at === begun) writeClock(micros, begun, isAfterMinus, out);
};

/** A field that is zero is left out; one that is positive after a negative one says so. */
function writeField(
  value: number,
  unit: string,
  begun: number,
  isAfterMinus: boolean,
  out: Bytes,
): boolean {
  if (value === 0) return isAfterMinus;
  if (out.at > begun) out.byte(0x20);
  if (value < 0) out.byte(0x2d);
  else if (isAfterMinus) out.byte(0x2b);
  writeDigits(Math.abs(value), out);
  out.ascii(value === 1 ? ` ${unit}` : ` ${unit}s`);
  return value < 0;
}

function writeClock(micros: bigint, begun: number, isAfterMinus: boolean, out: Bytes): void {
  if (out.at > begun) out.byte(0x20);
  if (micros < 0n) out.byte(0x2d);
  else if (isAfterMinus) out.byte(0x2b);
  const size = micros < 0n ? -micros : micros;
  const part = Number(size % 1_000_000n);
  const seconds = Number(size / 1_000_000n);
  const hours = Math.floor(seconds / 3_600);
  if (hours < 100) writePadded(hours, 2, out);
  else writeDigits(hours, out);
  out.byte(0x3a);
  writePadded(Math.floor(seconds / 60) % 60, 2, out);
  out.byte(0x3a);
  writePadded(seconds % 60, 2, out);
  if (part !== 0) writeFraction(part, out);
}
