import type { PublicKey, SigningKey } from './signing-key.ts';

/** What is signed: the type and the body, so that neither can be taken for another (DSSE, PAE). */
export function preAuthentication(payloadType: string, body: Uint8Array): Buffer {
  const type = Buffer.from(payloadType);
  const head = `DSSEv1 ${type.length} ${payloadType} ${body.length} `;
  return Buffer.concat([Buffer.from(head), body]);
}

/** An envelope as text, the same for the same body and key: Ed25519 has no chance in it. */
export function envelope(payloadType: string, body: Buffer, key: SigningKey): Buffer {
  const sig = key.sign(preAuthentication(payloadType, body)).toString('base64');
  return Buffer.from(
    JSON.stringify({
      payload: body.toString('base64'),
      payloadType,
      signatures: [{ keyid: key.id, sig }],
    }),
  );
}

/** What became of an envelope: its body and who signed it, or what is wrong with it. */
export type Opened =
  | { readonly body: Buffer; readonly signer: PublicKey }
  | { readonly fault: string };

/** The keys that are trusted, by their ids. A key that only the envelope names is none of them. */
export type Trusted = ReadonlyMap<string, PublicKey>;

/** Opens an envelope of this type whose first known signer is trusted. */
export function openEnvelope(bytes: Uint8Array, payloadType: string, trusted: Trusted): Opened {
  const written = parsed(bytes);
  if (!written) return { fault: 'it is no DSSE envelope' };
  if (written.payloadType !== payloadType)
    return { fault: `its payload type is not ${payloadType}` };
  const body = Buffer.from(written.payload, 'base64');
  const message = preAuthentication(payloadType, body);
  let isKnown = false;
  for (const { keyid, sig } of written.signatures) {
    const signer = trusted.get(keyid);
    if (!signer) continue;
    isKnown = true;
    if (signer.verifies(message, Buffer.from(sig, 'base64'))) return { body, signer };
  }
  return {
    fault: isKnown
      ? 'its signature does not fit what it says'
      : 'no key that is trusted has signed it',
  };
}

/** Whether an envelope is in the form in which `envelope` writes it: the same thing has one form only. */
export function isOwnForm(bytes: Uint8Array): boolean {
  const written = parsed(bytes);
  if (!written) return false;
  const { payload, payloadType, signatures } = written;
  const anew = (text: string) => Buffer.from(text, 'base64').toString('base64');
  const form = {
    payload: anew(payload),
    payloadType,
    signatures: signatures.map(({ keyid, sig }) => ({ keyid, sig: anew(sig) })),
  };
  return Buffer.from(JSON.stringify(form)).equals(bytes);
}

interface Written {
  readonly payload: string;
  readonly payloadType: string;
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
}

function parsed(bytes: Uint8Array): Written | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString());
    return isWritten(value) ? value : null;
  } catch {
    return null;
  }
}

function isWritten(value: unknown): value is Written {
  if (typeof value !== 'object' || value === null) return false;
  if (!('payload' in value) || !('payloadType' in value) || !('signatures' in value)) return false;
  const { payload, payloadType, signatures } = value;
  return (
    typeof payload === 'string' &&
    typeof payloadType === 'string' &&
    Array.isArray(signatures) &&
    signatures.every(
      (each: unknown) =>
        typeof each === 'object' &&
        each !== null &&
        'keyid' in each &&
        'sig' in each &&
        typeof each.keyid === 'string' &&
        typeof each.sig === 'string',
    )
  );
}
