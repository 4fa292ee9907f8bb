import { closeSync, openSync, readSync } from 'node:fs';
import { derived, unwrapKey, wrappedLength } from './key-wrapping.ts';
import { KeyringError } from './keyring-error.ts';
import { kinds, nameLength, recordOf } from './subject-log.ts';

/** The id of the key that wrapped all subjects' keys before tenants had keys of their own. */
export const commonId = 'ff'.repeat(8);

const oldLength = nameLength + wrappedLength;
const none = Buffer.alloc(wrappedLength);
const atOnce = 4_096;

/** Refuses a root key that does not open a keyring of the first form: taken over with it, all its keys were lost. */
export function checkOldRoot(path: string, rootKey: string): void {
  const wrapping = derived(Buffer.from(rootKey, 'hex'), 'wrap');
  for (const old of chunksOf(path))
    for (let at = nameLength; at < old.length; at += oldLength) {
      const wrapped = old.subarray(at, at + wrappedLength);
      if (wrapped.equals(none)) continue;
      try {
        unwrapKey(wrapping, wrapped, Buffer.alloc(0));
        return;
      } catch (cause) {
        throw new KeyringError(
          `the root key does not open ${path}: give keyring.rootKey that the keyring was made with`,
          { cause },
        );
      }
    }
}

/**
 * The records of a keyring of the first form, in which the root key wrapped every subject's key: each as it
 * was, under one common key. A torn last one is left out.
 */
export function* oldRecords(path: string): Iterable<Buffer> {
  for (const old of chunksOf(path)) {
    const records: Buffer[] = [];
    for (let at = 0; at < old.length; at += oldLength) {
      const ref = old.subarray(at, at + nameLength);
      const wrapped = old.subarray(at + nameLength, at + oldLength);
      const slot = wrapped.equals(none) ? {} : { slot: { by: commonId, wrapped } };
      records.push(recordOf({ kind: kinds.subject, at: 0, owner: ref, ref, ...slot }));
    }
    yield Buffer.concat(records);
  }
}

/** Whole records, some thousand at once. */
function* chunksOf(path: string): Iterable<Buffer> {
  const file = openSync(path, 'r');
  try {
    const chunk = Buffer.alloc(oldLength * atOnce);
    for (let at = 0; ;) {
      const length = readSync(file, chunk, 0, chunk.length, at);
      const whole = length - (length % oldLength);
      if (whole === 0) return;
      yield chunk.subarray(0, whole);
      at += whole;
    }
  } finally {
    closeSync(file);
  }
}
