import type { Bytes } from '../../schemas/bytes.ts';
import { daysInMonth, daysOf } from '../../schemas/calendar.ts';
import { digitsBetween, writeProduct } from './text-numbers.ts';

const space = 0x20;
const colon = 0x3a;
const hyphen = 0x2d;
const zero = 0x30;
const daySeconds = 86_400;
const second = 1_000_000;
const exactSeconds = 4_500_000_000; // Twice the microseconds of so many a double holds.
const absent = -0x8000_0000; // As a day: no date.

/** A date as days since 1970. */
export function writeDate(data: Buffer, start: number, length: number, out: Bytes): boolean {
  const isBc = endsInBc(data, start, length);
  const days = daysBetween(data, start, isBc ? start + length - 3 : start + length, isBc);
  if (days === absent) return false;
  out.zigzag(days);
  return true;
}

/** A time of day as microseconds since midnight; what is after the day, 24:00:00, is not in it. */
export function writeTime(data: Buffer, start: number, length: number, out: Bytes): boolean {
  const micros = microsBetween(data, start, start + length);
  if (micros < 0) return false;
  out.zigzag(micros);
  return true;
}

/** A timestamp as microseconds since 1970, in whatever zone that was. */
export function writeTimestamp(data: Buffer, start: number, length: number, out: Bytes): boolean {
  const isBc = endsInBc(data, start, length);
  return writeMoment(data, start, isBc ? start + length - 3 : start + length, isBc, out);
}

/** A timestamp as microseconds since 1970 in UTC, as the server writes it in a session whose zone is UTC. */
export function writeTimestamptz(data: Buffer, start: number, length: number, out: Bytes): boolean {
  const isBc = endsInBc(data, start, length);
  const end = (isBc ? start + length - 3 : start + length) - 3;
  if (data[end] !== 0x2b || data[end + 1] !== zero || data[end + 2] !== zero) return false;
  return writeMoment(data, start, end, isBc, out);
}

function writeMoment(data: Buffer, start: number, end: number, isBc: boolean, out: Bytes): boolean {
  const shortly = isBc ? notShort : shortSeconds(data, start);
  if (shortly !== notShort) {
    const part = partBetween(data, start + 19, end);
    return part >= 0 && writeSeconds(shortly, part, out);
  }
  let at = start + 10; // Where the time begins, unless the year is a long one.
  while (at < end && data[at] !== space) at++;
  const days = daysBetween(data, start, at, isBc);
  const micros = microsBetween(data, at + 1, end);
  if (days === absent || micros < 0) return false;
  const part = micros % second;
  return writeSeconds(days * daySeconds + (micros - part) / second, part, out);
}

/** Writes seconds and the microseconds after them, if together they fit 64 bits. */
function writeSeconds(seconds: number, part: number, out: Bytes): boolean {
  if (seconds > -exactSeconds && seconds < exactSeconds) {
    out.zigzag(seconds * second + part);
    return true;
  }
  if (seconds >= 0) return writeProduct(false, seconds, second, part, out);
  return part === 0
    ? writeProduct(true, -seconds, second, 0, out)
    : writeProduct(true, -seconds - 1, second, second - part, out);
}

function endsInBc(data: Buffer, start: number, length: number): boolean {
  const end = start + length;
  return length > 3 && data[end - 1] === 0x43 && data[end - 2] === 0x42 && data[end - 3] === space;
}

/** The day of a date as the server writes it, with a year of four digits or more. */
function daysBetween(data: Buffer, start: number, end: number, isBc: boolean): number {
  const yearEnd = end - 6;
  const digits = yearEnd - start;
  if (digits < 4 || digits > 7 || data[yearEnd] !== hyphen || data[yearEnd + 3] !== hyphen)
    return absent;
  const year = digits === 4 ? fourDigits(data, start) : digitsBetween(data, start, yearEnd);
  const month = twoDigits(data, yearEnd + 1);
  const day = twoDigits(data, yearEnd + 4);
  if (year < 1 || (digits > 4 && data[start] === zero) || month < 1 || month > 12) return absent;
  const counted = isBc ? 1 - year : year;
  if (day < 1 || (day > 28 && day > daysInMonth(counted, month))) return absent;
  return daysOf(counted, month, day);
}

/** The microseconds of a time of day as the server writes it; -1 if it is none, or not as the server writes it. */
function microsBetween(data: Buffer, start: number, end: number): number {
  if (end - start < 8 || data[start + 2] !== colon || data[start + 5] !== colon) return -1;
  const hour = twoDigits(data, start);
  const minute = twoDigits(data, start + 3);
  const rest = twoDigits(data, start + 6);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || rest < 0 || rest > 59) return -1;
  const whole = hour * 3_600 + minute * 60 + rest;
  const part = partBetween(data, start + 8, end);
  return part < 0 ? -1 : whole * second + part;
}

/** The microseconds from the point on, if there is one; less than zero if they are not as the server writes them. */
function partBetween(data: Buffer, start: number, end: number): number {
  if (start === end) return 0;
  if (data[start] !== 0x2e || end < start + 2 || end > start + 7 || data[end - 1] === zero)
    return -1;
  let part = 0;
  for (let at = start + 1; at < end; at++) {
    const digit = (data[at] ?? 0) ^ zero;
    if (digit > 9) return -1;
    part = (Math.imul(part, 10) + digit) | 0;
  }
  return Math.imul(part, powers[start + 7 - end] ?? 1);
}

const powers: readonly number[] = [1, 10, 100, 1_000, 10_000, 100_000];

/** Less than zero if one of them is no digit: of digits alone, the lower four bits differ from those of a zero. */
function twoDigits(data: Buffer, at: number): number {
  const tens = (data[at] ?? 0) ^ zero;
  const ones = (data[at + 1] ?? 0) ^ zero;
  return ((tens + 6) | (ones + 6)) > 15 ? -10_000 : tens * 10 + ones;
}

const fourDigits = (data: Buffer, at: number): number =>
  twoDigits(data, at) * 100 + twoDigits(data, at + 2);

const notShort = Infinity;

/**
 * The seconds since 1970 of a date and a time with a year of four digits: nearly all there are. What is
 * not in order is left to those who look at it part by part. Written out, for the compiler puts only so
 * many calls in place of themselves: this takes a third off the time.
 */
function shortSeconds(data: Buffer, start: number): number {
  const y1 = (data[start] ?? 0) ^ zero;
  const y2 = (data[start + 1] ?? 0) ^ zero;
  const y3 = (data[start + 2] ?? 0) ^ zero;
  const y4 = (data[start + 3] ?? 0) ^ zero;
  const o1 = (data[start + 5] ?? 0) ^ zero;
  const o2 = (data[start + 6] ?? 0) ^ zero;
  const d1 = (data[start + 8] ?? 0) ^ zero;
  const d2 = (data[start + 9] ?? 0) ^ zero;
  const h1 = (data[start + 11] ?? 0) ^ zero;
  const h2 = (data[start + 12] ?? 0) ^ zero;
  const m1 = (data[start + 14] ?? 0) ^ zero;
  const m2 = (data[start + 15] ?? 0) ^ zero;
  const s1 = (data[start + 17] ?? 0) ^ zero;
  const s2 = (data[start + 18] ?? 0) ^ zero;
  const date =
    (y1 + 6) | (y2 + 6) | (y3 + 6) | (y4 + 6) | (o1 + 6) | (o2 + 6) | (d1 + 6) | (d2 + 6);
  const time = (h1 + 6) | (h2 + 6) | (m1 + 6) | (m2 + 6) | (s1 + 6) | (s2 + 6);
  const between =
    ((data[start + 4] ?? 0) ^ hyphen) |
    ((data[start + 7] ?? 0) ^ hyphen) |
    ((data[start + 10] ?? 0) ^ space) |
    ((data[start + 13] ?? 0) ^ colon) |
    ((data[start + 16] ?? 0) ^ colon);
  if ((date | time) > 15 || between !== 0) return notShort; // Only digits stay below ten.
  const year = y1 * 1_000 + y2 * 100 + y3 * 10 + y4;
  const month = o1 * 10 + o2;
  const day = d1 * 10 + d2;
  const hour = h1 * 10 + h2;
  if (year === 0 || month === 0 || month > 12 || hour > 23 || m1 > 5 || s1 > 5) return notShort;
  if (day === 0 || (day > 28 && day > daysInMonth(year, month))) return notShort;
  const seconds = hour * 3_600 + (m1 * 10 + m2) * 60 + s1 * 10 + s2;
  return daysOf(year, month, day) * daySeconds + seconds;
}
