import { Bytes } from './bytes.ts';
import { writeBigMicros, writeDay, writeMicros, writeTime } from './moment.ts';

const scratch = new Bytes(64);

const written = (): string => scratch.data.toString('latin1', 0, scratch.at);

/** A day, counted from 1970, as the server writes it. */
export function dayText(days: number): string {
  scratch.clear();
  writeDay(days, scratch);
  return written();
}

/** A time of day in microseconds as the server writes it. */
export function timeText(micros: number): string {
  scratch.clear();
  writeTime(micros, scratch);
  return written();
}

/** Microseconds since 1970 as the server writes a timestamp; `zone` is what follows the time. */
export function microsText(micros: number | bigint, zone: string): string {
  scratch.clear();
  if (typeof micros === 'number') writeMicros(micros, zone, scratch);
  else writeBigMicros(micros, zone, scratch);
  return written();
}
