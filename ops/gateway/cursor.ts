import { CompactEncrypt, compactDecrypt } from 'jose';
import { z } from 'zod';

/** Whose page it is: a cursor of one is of no use to another. */
export interface Reading {
  readonly table: string;
  readonly tenant: string | null;
  readonly subject: string;
}

type Key = Readonly<Record<string, string>>;

export interface Cursors {
  seal(reading: Reading, key: Key): Promise<string>;
  /** The key that a cursor holds; null if it is not one of ours, or another reader's. */
  open(reading: Reading, cursor: string): Promise<Key | null>;
}

const held = z.object({ reading: z.unknown(), key: z.record(z.string(), z.string()) });

/** Cursors are encrypted: the key of a row may be what its reader must not see. */
export function cursors(secret: Uint8Array): Cursors {
  return {
    seal: (reading, key) =>
      new CompactEncrypt(new TextEncoder().encode(JSON.stringify({ reading, key })))
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
        .encrypt(secret),
    async open(reading, cursor) {
      try {
        const options = {
          keyManagementAlgorithms: ['dir'],
          contentEncryptionAlgorithms: ['A256GCM'],
        };
        const { plaintext } = await compactDecrypt(cursor, secret, options);
        const read = held.parse(JSON.parse(new TextDecoder().decode(plaintext)));
        return JSON.stringify(read.reading) === JSON.stringify(reading) ? read.key : null;
      } catch {
        return null;
      }
    },
  };
}
