import type { Bytes } from './bytes.ts';
import { dateOf } from './calendar.ts';
import { writeDigits, writePadded } from './digits.ts';

/** What the server writes after a date, or a date and a time, before the year 1. */
const bc = ' BC';
const dayMicros = 86_400_000_000;

/** Writes a day, counted from 1970, as the server does. */
export function writeDay(days: number, out: Bytes): void {
  if (writeYearToDay(days, out)) out.ascii(bc);
}

/** Writes a day and microseconds since its midnight as the server does; `zone` is what follows the time. */
function writeMoment(days: number, micros: number, zone: string, out: Bytes): void {
  const isBc = writeYearToDay(days, out);
  out.byte(0x20);
  writeTime(micros, out);
  if (zone !== '') out.ascii(zone);
  if (isBc) out.ascii(bc);
}

/** Writes microseconds since 1970, of which a double holds all, as the server writes a timestamp. */
export function writeMicros(micros: number, zone: string, out: Bytes): void {
  const days = Math.floor(micros / dayMicros);
  writeMoment(days, micros - days * dayMicros, zone, out);
}

/** Writes any microseconds since 1970 as the server writes a timestamp. */
export function writeBigMicros(micros: bigint, zone: string, out: Bytes): void {
  const day = BigInt(dayMicros);
  const days = (micros - (((micros % day) + day) % day)) / day;
  writeMoment(Number(days), Number(micros - days * day), zone, out);
}

/** Writes a time of day, in microseconds since midnight, as the server does. */
export function writeTime(micros: number, out: Bytes): void {
  const part = micros % 1_000_000;
  const seconds = (micros - part) / 1_000_000;
  const hours = (seconds / 3_600) | 0;
  const minutes = ((seconds - hours * 3_600) / 60) | 0;
  writePadded(hours, 2, out);
  out.byte(0x3a);
  writePadded(minutes, 2, out);
  out.byte(0x3a);
  writePadded(seconds - hours * 3_600 - minutes * 60, 2, out);
  if (part !== 0) writeFraction(part, out);
}

/** Writes the point and the microseconds after it, without the zeros at their end. */
export function writeFraction(micros: number, out: Bytes): void {
  out.byte(0x2e);
  writePadded(micros, 6, out);
  while (out.data[out.at - 1] === 0x30) out.at--;
}

/** Writes year, month and day; true if the year is before the year 1. */
function writeYearToDay(days: number, out: Bytes): boolean {
  const date = dateOf(days);
  const year = Math.floor(date / 512);
  const rest = date - year * 512;
  const shown = year > 0 ? year : 1 - year;
  if (shown < 10_000) writePadded(shown, 4, out);
  else writeDigits(shown, out);
  out.byte(0x2d);
  writePadded(rest >> 5, 2, out);
  out.byte(0x2d);
  writePadded(rest & 31, 2, out);
  return year <= 0;
}
