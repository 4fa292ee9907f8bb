import { closeSync, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs';

const mostTorn = 64 * 1024;

/** Cuts off what the last write before a power cut left half done: `wholeOf` says how much of the end is whole. */
export function truncateTorn(path: string, wholeOf: (end: Buffer, size: number) => number): void {
  const file = openSync(path, 'r+');
  try {
    const { size } = fstatSync(file);
    const from = Math.max(0, size - mostTorn);
    const end = Buffer.alloc(size - from);
    readSync(file, end, 0, end.length, from);
    const whole = from + wholeOf(end, size);
    if (whole < size) ftruncateSync(file, whole);
  } finally {
    closeSync(file);
  }
}
