import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { calculateJwkThumbprint } from 'jose';
import { z } from 'zod';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { jsonOf } from '../../contracts/json-text.ts';
import { lockIn } from '../../contracts/keys/ring-lock.ts';

/** A public key as it is published; `nbf` and `exp` say when what it signed is taken (as in OpenID Federation). */
const publicKey = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string(),
  kid: z.string(),
  alg: z.literal('EdDSA'),
  use: z.literal('sig'),
  iat: z.int(),
  nbf: z.int(),
  exp: z.int().optional(),
});

export type PublicKey = z.output<typeof publicKey>;

const keySet = z.object({ keys: z.array(publicKey) });

export const keySetFile = (directory: string): string => join(directory, 'jwks.json');

/** The keys of a directory, the newest first; none where none was made yet. */
export async function publicKeys(directory: string): Promise<readonly PublicKey[]> {
  const path = keySetFile(directory);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{"keys":[]}';
    throw error;
  });
  const read = keySet.safeParse(jsonOf(text));
  if (!read.success)
    throw new CannotRun({
      what: `${path} is not a set of Ed25519 keys`,
      where: 'tokens.directory',
      fix: 'restore it from a backup, or move the folder away and make new keys with conductor token rotate',
    });
  return read.data.keys.toSorted((a, b) => b.nbf - a.nbf);
}

/** Makes a key of its own kid, its private half under a secret, and publishes what `next` says of all. */
export async function addKey(
  directory: string,
  secret: Buffer,
  next: (made: Pick<PublicKey, 'kid' | 'x'>, known: readonly PublicKey[]) => readonly PublicKey[],
): Promise<PublicKey> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  // Two at once would each publish a set without the other's.
  using _ = lockIn(directory, { name: 'jwks', what: 'the signing keys' });
  const { privateKey, publicKey: open } = generateKeyPairSync('ed25519');
  const { x = '' } = open.export({ format: 'jwk' });
  const kid = await calculateJwkThumbprint({ kty: 'OKP', crv: 'Ed25519', x });
  const wrapped = privateKey.export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: passphraseOf(secret),
  });
  await writeFile(privateFile(directory, kid), wrapped, { mode: 0o600, flush: true });
  const keys = next({ kid, x }, await publicKeys(directory));
  await publish(directory, `${JSON.stringify({ keys }, null, 2)}\n`);
  const added = keys.find((key) => key.kid === kid);
  if (!added) throw new TypeError('a key that was made was not published');
  return added;
}

/** The private half of a key. */
export async function privateKeyOf(
  directory: string,
  secret: Buffer,
  { kid, x }: PublicKey,
): Promise<KeyObject> {
  const path = privateFile(directory, kid);
  try {
    const key = await readFile(path);
    const opened = createPrivateKey({ key, passphrase: passphraseOf(secret) });
    if (createPublicKey(opened).export({ format: 'jwk' }).x === x) return opened;
  } catch (cause) {
    throw unusable(path, cause);
  }
  throw unusable(path);
}

const unusable = (path: string, cause?: unknown) =>
  new CannotRun(
    {
      what: `${path} is no signing key that this keyring opens`,
      where: 'tokens.directory',
      fix: 'give the keyring that it was made with, or make another key with conductor token rotate --compromised',
    },
    { cause },
  );

const privateFile = (directory: string, kid: string) => join(directory, `${kid}.pem`);

const passphraseOf = (secret: Buffer) => secret.toString('base64');

/** Whoever reads the set meanwhile reads the old one or the new, and never a part. */
async function publish(directory: string, text: string): Promise<void> {
  const next = `${keySetFile(directory)}.next`;
  await writeFile(next, text, { mode: 0o644, flush: true });
  await rename(next, keySetFile(directory));
}
