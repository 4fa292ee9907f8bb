import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Found, Keyring, Owner } from './keyring.ts';

const refLength = 16;
const nonceLength = 12;
const keyLength = 32;
const tagLength = 16;
const recordLength = refLength + nonceLength + keyLength + tagLength;
const destroyed = Buffer.alloc(recordLength - refLength);

/** The root key cannot open the keyring: it is another keyring's, or the file is damaged. */
export class KeyringError extends Error {
  override readonly name = 'KeyringError';
}

/**
 * A keyring in one append-only file of fixed records, each a subject's key wrapped by the root key.
 * Several processes may share it: a record is one write, and of two records for one owner the first
 * counts. A key is destroyed by overwriting its record with zeros.
 */
export function fileKeyring(directory: string, rootKey: string): Keyring {
  const root = Buffer.from(rootKey, 'hex');
  const wrapping = derived(root, 'wrap');
  const naming = derived(root, 'name');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, 'subjects.keys');
  const file = openSync(path, 'a+', 0o600);
  const torn = fstatSync(file).size % recordLength;
  if (torn > 0) ftruncateSync(file, fstatSync(file).size - torn); // The last write before a power cut.
  const known = new Map<string, KeyObject | 'destroyed'>();
  const tokenKeys = new Map<string, KeyObject>();
  let read = 0;
  const disk = syncing(file);

  const chunk = Buffer.alloc(recordLength * 4_096);
  const readOn = () => {
    for (;;) {
      const length = readSync(file, chunk, 0, chunk.length, read);
      const whole = length - (length % recordLength);
      for (let at = 0; at < whole; at += recordLength) learn(chunk.subarray(at, at + recordLength));
      read += whole;
      if (whole > 0) disk.written(); // Whoever wrote them may not have synced them yet.
      if (whole < chunk.length) return;
    }
  };
  const learn = (record: Buffer) => {
    const ref = record.toString('base64', 0, refLength);
    if (known.has(ref)) return;
    const wrapped = record.subarray(refLength);
    known.set(ref, wrapped.equals(destroyed) ? 'destroyed' : unwrap(wrapping, wrapped, path));
  };
  const lookUp = (ref: string) => {
    if (!known.has(ref)) readOn();
    return known.get(ref);
  };
  readOn();

  return {
    keyOf(owner) {
      const ref = nameOf(naming, owner);
      const text = ref.toString('base64');
      let key = lookUp(text);
      if (!key) {
        writeSync(file, Buffer.concat([ref, wrap(wrapping, randomBytes(keyLength))]));
        key = lookUp(text); // Another process may have been first: its record counts.
      }
      if (!key) throw new KeyringError(`${path} does not keep what is written to it`);
      return key === 'destroyed' ? key : { ref, key };
    },
    find(ref): Found {
      const key = lookUp(ref.toString('base64'));
      if (!key) return { state: 'unknown' };
      return key === 'destroyed' ? { state: 'destroyed' } : { state: 'here', key };
    },
    saved: () => disk.saved(),
    tokenKey(tenant) {
      let key = tokenKeys.get(tenant);
      if (!key) tokenKeys.set(tenant, (key = derived(root, `token/${tenant}`)));
      return key;
    },
    async [Symbol.asyncDispose]() {
      closeSync(file);
    },
  };
}

const sync = promisify(fsync);

/** Whoever asks waits for all that was written before, whoever's sync it is; one that failed is done again. */
function syncing(file: number) {
  let unsaved = false;
  let saving = Promise.resolve();
  return {
    written() {
      unsaved = true;
    },
    async saved() {
      if (unsaved) {
        unsaved = false;
        saving = sync(file).catch((error: unknown) => {
          unsaved = true;
          throw error;
        });
      }
      await saving;
    },
  };
}

const derived = (root: Buffer, purpose: string) =>
  createSecretKey(Buffer.from(hkdfSync('sha256', root, '', `conductor/${purpose}`, keyLength)));

const nameOf = (naming: KeyObject, { tenant, domain, subject }: Owner) =>
  createHmac('sha256', naming)
    .update(JSON.stringify([tenant, domain, subject]))
    .digest()
    .subarray(0, refLength);

function wrap(wrapping: KeyObject, key: Buffer): Buffer {
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv('aes-256-gcm', wrapping, nonce);
  return Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()]);
}

function unwrap(wrapping: KeyObject, wrapped: Buffer, path: string): KeyObject {
  const decipher = createDecipheriv('aes-256-gcm', wrapping, wrapped.subarray(0, nonceLength));
  decipher.setAuthTag(wrapped.subarray(nonceLength + keyLength));
  try {
    const opened = decipher.update(wrapped.subarray(nonceLength, nonceLength + keyLength));
    return createSecretKey(Buffer.concat([opened, decipher.final()]));
  } catch (cause) {
    throw new KeyringError(
      `the root key does not open ${path}: give keyring.rootKey that the keyring was made with`,
      { cause },
    );
  }
}
