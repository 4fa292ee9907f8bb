import { readFileSync } from 'node:fs';
import { wrappedLength } from './key-wrapping.ts';
import { kinds, nameLength, recordOf } from './subject-log.ts';

/** The id of the key that wrapped all subjects' keys before tenants had keys of their own. */
export const commonId = 'ff'.repeat(8);

const oldLength = nameLength + wrappedLength;
const none = Buffer.alloc(wrappedLength);

/**
 * The records of a keyring of the first form, in which the root key wrapped every subject's key: each as it
 * was, under one common key. A torn last one is left out.
 */
export function oldRecords(path: string): Buffer {
  const old = readFileSync(path);
  const records: Buffer[] = [];
  for (let at = 0; at + oldLength <= old.length; at += oldLength) {
    const ref = old.subarray(at, at + nameLength);
    const wrapped = old.subarray(at + nameLength, at + oldLength);
    const slot = wrapped.equals(none)
      ? {}
      : { slot: { by: Buffer.from(commonId, 'hex'), wrapped } };
    records.push(recordOf({ kind: kinds.subject, at: 0, owner: ref, ref, ...slot }));
  }
  return Buffer.concat(records);
}
