import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';

/** Whose signatures can be checked: an Ed25519 key, and the name that follows from it. */
export interface PublicKey {
  readonly id: string; // SHA-256 of its SubjectPublicKeyInfo, in hex.
  readonly bytes: Buffer; // 32 of them.
  verifies(message: Uint8Array, signature: Uint8Array): boolean;
}

/** A key that signs. */
export interface SigningKey extends PublicKey {
  sign(message: Uint8Array): Buffer;
}

// What DER puts before the 32 bytes of an Ed25519 key (RFC 8410).
const publicPrefix = Buffer.from('302a300506032b6570032100', 'hex');
const privatePrefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The key of 32 bytes in hex, as `openssl rand -hex 32` makes them. */
export function signingKey(seed: string): SigningKey {
  const key = createPrivateKey({
    key: Buffer.concat([privatePrefix, Buffer.from(seed, 'hex')]),
    format: 'der',
    type: 'pkcs8',
  });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return {
    ...publicKey(spki.subarray(publicPrefix.length)),
    sign: (message) => sign(null, message, key),
  };
}

/** The key of 32 bytes. The algorithm is pinned: nothing that comes with a signature chooses another. */
export function publicKey(bytes: Uint8Array): PublicKey {
  if (bytes.length !== 32) throw new TypeError('a public key of Ed25519 has 32 bytes');
  const spki = Buffer.concat([publicPrefix, bytes]);
  let key: KeyObject | null = null;
  return {
    id: hash('sha256', spki, 'hex'),
    bytes: Buffer.from(bytes),
    verifies(message, signature) {
      key ??= createPublicKey({ key: spki, format: 'der', type: 'spki' });
      return signature.length === 64 && verify(null, message, key, signature);
    },
  };
}
