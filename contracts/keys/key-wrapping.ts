import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';

export const keyLength = 32;
const nonceLength = 12;
const tagLength = 16;

/** How long a wrapped key is: its nonce, itself and its tag. */
export const wrappedLength = nonceLength + keyLength + tagLength;

/** Wraps a key, or any text, by another; what it is bound to must be told again to open it. */
export function wrapKey(by: KeyObject, key: Buffer, boundTo: Buffer): Buffer {
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv('aes-256-gcm', by, nonce).setAAD(boundTo);
  return Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()]);
}

/** Opens a wrapped key; throws if it was changed, is bound to something else, or the key is another one. */
export function unwrapKey(by: KeyObject, wrapped: Buffer, boundTo: Buffer): Buffer {
  const end = wrapped.length - tagLength;
  const decipher = createDecipheriv('aes-256-gcm', by, wrapped.subarray(0, nonceLength))
    .setAAD(boundTo)
    .setAuthTag(wrapped.subarray(end));
  const opened = decipher.update(wrapped.subarray(nonceLength, end));
  return Buffer.concat([opened, decipher.final()]);
}

/** The key that a secret has for one purpose. */
export const derived = (secret: Buffer, purpose: string): KeyObject =>
  createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', `conductor/${purpose}`, keyLength)));
