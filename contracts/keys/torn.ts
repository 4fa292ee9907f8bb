import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { KeyringError } from './keyring-error.ts';

const mostTorn = 64 * 1024;
const lookAgainMs = 10;
const restingLooks = 100; // A second without a change: nobody is writing it.
const mostLooks = 6_000;

/**
 * Cuts off what the last write before a power cut left half done: `wholeOf` says how much of the end is
 * whole. What another process is just writing looks the same for a moment, and is waited for.
 */
export function truncateTorn(path: string, wholeOf: (end: Buffer, size: number) => number): void {
  const file = openSync(path, 'r+');
  try {
    let last = -1;
    let rested = 0;
    for (let looks = 0; looks < mostLooks; looks++) {
      const { size } = fstatSync(file);
      const whole = wholeIn(file, size, wholeOf);
      if (whole === size) return;
      rested = size === last ? rested + 1 : 0;
      if (rested === restingLooks) return ftruncateSync(file, whole);
      last = size;
      pause();
    }
    throw new KeyringError(
      `${path} ends in the middle of a record, and others go on writing it: stop them, and open it again`,
    );
  } finally {
    closeSync(file);
  }
}

function wholeIn(
  file: number,
  size: number,
  wholeOf: (end: Buffer, size: number) => number,
): number {
  const from = Math.max(0, size - mostTorn);
  const end = Buffer.alloc(size - from);
  readSync(file, end, 0, end.length, from);
  return from + wholeOf(end, size);
}

const nobodyWakes = new Int32Array(new SharedArrayBuffer(4));
const pause = (): void => void Atomics.wait(nobodyWakes, 0, 0, lookAgainMs);

/** Appends all of it or nothing, to a file that is open for appending: behind a part of it nothing would be read. */
export function appendWhole(path: string, file: number, bytes: Buffer): void {
  const written = writeSync(file, bytes);
  if (written === bytes.length) return;
  ftruncateSync(file, fstatSync(file).size - written);
  throw new KeyringError(`${path} does not take all that is written to it: make room`);
}
