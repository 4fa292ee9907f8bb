import { hash } from 'node:crypto';
import { publicKey, type PublicKey, type SigningKey } from './signing-key.ts';

/** Kinds of keys that sign notes (C2SP signed-note): of who keeps a log, and of its witnesses. */
const kinds = { log: 1, witness: 4 } as const;

/** Someone whose signature on a note counts. */
export interface Verifier {
  readonly name: string;
  readonly kind: keyof typeof kinds;
  readonly key: PublicKey;
}

/** A verifier as one line of text, as the Go checksum database and its like write it. */
export function verifierText({ name, kind, key }: Verifier): string {
  const typed = Buffer.concat([Buffer.from([kinds[kind]]), key.bytes]);
  return `${name}+${keyHash({ name, kind, key }).toString('hex')}+${typed.toString('base64')}`;
}

/** Reads such a line; null if it is none. */
export function parseVerifier(line: string): Verifier | null {
  const [, name, hashed, encoded] =
    /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(line.trim()) ?? [];
  if (name === undefined || hashed === undefined || encoded === undefined) return null;
  const typed = Buffer.from(encoded, 'base64');
  const kind = typed[0] === kinds.log ? 'log' : typed[0] === kinds.witness ? 'witness' : null;
  if (kind === null || typed.length !== 33) return null;
  const verifier = { name, kind, key: publicKey(typed.subarray(1)) } as const;
  return keyHash(verifier).toString('hex') === hashed ? verifier : null;
}

/** A note: text, and below it lines of signatures. */
export interface Note {
  readonly text: string; // Ends with a newline.
  readonly signatures: readonly NoteSignature[];
}

interface NoteSignature {
  readonly name: string;
  readonly hash: Buffer;
  readonly signature: Buffer;
}

export const noteText = ({ text, signatures }: Note): string =>
  `${text}\n${signatures
    .map(
      ({ name, hash: hashed, signature }) =>
        `— ${name} ${Buffer.concat([hashed, signature]).toString('base64')}\n`,
    )
    .join('')}`;

/** Reads a note; null if it is none. */
export function parseNote(written: string): Note | null {
  const end = written.lastIndexOf('\n\n');
  if (end < 0 || !written.endsWith('\n')) return null;
  const signatures: NoteSignature[] = [];
  for (const line of written.slice(end + 2, -1).split('\n')) {
    const [, name, encoded] = /^— (\S+) ([A-Za-z0-9+/]+=*)$/.exec(line) ?? [];
    if (name === undefined || encoded === undefined) return null;
    const bytes = Buffer.from(encoded, 'base64');
    if (bytes.length < 5) return null;
    signatures.push({ name, hash: bytes.subarray(0, 4), signature: bytes.subarray(4) });
  }
  return { text: written.slice(0, end + 1), signatures };
}

/** The signature of who keeps a log. */
export const signedBy = (name: string, key: SigningKey, text: string): NoteSignature => ({
  name,
  hash: keyHash({ name, kind: 'log', key }),
  signature: key.sign(Buffer.from(text)),
});

/** The signature of a witness, with the second at which it was given (C2SP tlog-cosignature). */
export function cosignedBy(
  name: string,
  key: SigningKey,
  text: string,
  second: number,
): NoteSignature {
  const at = Buffer.alloc(8);
  at.writeBigUInt64BE(BigInt(second));
  return {
    name,
    hash: keyHash({ name, kind: 'witness', key }),
    signature: Buffer.concat([at, key.sign(cosigned(text, second))]),
  };
}

/** Whether a verifier has signed the note. */
export function hasSigned({ name, kind, key }: Verifier, { text, signatures }: Note): boolean {
  const hashed = keyHash({ name, kind, key });
  return signatures.some(({ name: signer, hash: given, signature }) => {
    if (signer !== name || !given.equals(hashed)) return false;
    if (kind === 'log') return key.verifies(Buffer.from(text), signature);
    if (signature.length !== 72) return false;
    const second = Number(signature.readBigUInt64BE(0));
    return key.verifies(cosigned(text, second), signature.subarray(8));
  });
}

const cosigned = (text: string, second: number): Buffer =>
  Buffer.from(`cosignature/v1\ntime ${second}\n${text}`);

function keyHash({ name, kind, key }: Verifier): Buffer {
  const typed = [Buffer.from(`${name}\n`), Buffer.from([kinds[kind]]), key.bytes];
  return hash('sha256', Buffer.concat(typed), 'buffer').subarray(0, 4);
}
