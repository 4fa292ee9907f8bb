import { createPublicKey, type KeyObject } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { decodeProtectedHeader, errors, jwtVerify } from 'jose';
import type { Config } from '../../contracts/config.ts';
import { type Claims, tokenClaims } from '../../contracts/token-claims.ts';
import { keySetFile, publicKeys, type PublicKey } from './key-file.ts';
import { isOver, seconds, tokenAlgorithm, tokenType, toleranceSeconds } from './signing.ts';

/** Which check a token did not pass. */
export type Check =
  | 'form'
  | 'algorithm'
  | 'type'
  | 'critical'
  | 'key'
  | 'signature'
  | 'issuer'
  | 'audience'
  | 'expired'
  | 'not-yet-valid'
  | 'lifetime'
  | 'claims'
  | 'purpose';

/** A token is not taken, and why. It says nothing of what is in the token. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused';
  readonly check: Check;

  constructor(check: Check, why: string) {
    super(`the token is refused, ${check}: ${why}`);
    this.check = check;
  }
}

export type Verifier = (token: string, now: Date) => Promise<Claims>;

/** A token longer than this is not looked into. */
const longestToken = 8_192;

/** Verifies tokens by the public keys of a directory, as they are when a token comes: a rotation needs no restart. */
export function verifier(tokens: Config['tokens']): Verifier {
  const keys = keySet(tokens.directory);
  return async (token, now) => {
    const kid = kidOf(token);
    const at = seconds(now);
    const key = usable(await keys(kid), at);
    const { payload } = await jwtVerify(token, key, {
      algorithms: [tokenAlgorithm],
      typ: tokenType,
      issuer: tokens.issuer,
      audience: tokens.audience,
      clockTolerance: toleranceSeconds,
      currentDate: now,
    }).catch((error: unknown) => {
      throw refusalOf(error);
    });
    return checked(payload, tokens, at);
  };
}

/** The header alone, before any key is looked for: nothing in it chooses how it is verified. */
function kidOf(token: string): string {
  if (token.length > longestToken) throw new TokenRefused('form', 'it is too long');
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token))
    throw new TokenRefused('form', 'it is not three parts of base64url with dots between');
  const header = headerOf(token);
  if (header.alg !== tokenAlgorithm)
    throw new TokenRefused('algorithm', `${tokenAlgorithm} alone is taken`);
  if ('crit' in header)
    throw new TokenRefused('critical', 'no extension is known that it could insist on');
  if (typeof header.typ !== 'string' || header.typ.toLowerCase() !== tokenType)
    throw new TokenRefused('type', `its typ is not ${tokenType}`);
  if (['jwk', 'jku', 'x5c', 'x5u'].some((own) => own in header))
    throw new TokenRefused('key', 'it brings a key of its own');
  if (typeof header.kid !== 'string') throw new TokenRefused('key', 'it names no key (kid)');
  return header.kid;
}

function headerOf(token: string) {
  try {
    return decodeProtectedHeader(token);
  } catch {
    throw new TokenRefused('form', 'its header is not JSON');
  }
}

interface Known {
  readonly key: KeyObject;
  readonly published: PublicKey;
}

function usable(known: Known | undefined, at: number): KeyObject {
  if (!known) throw new TokenRefused('key', 'it names a key that is not published');
  if (isOver(known.published, at)) throw new TokenRefused('key', 'its key is no longer taken');
  if (known.published.nbf > at + toleranceSeconds)
    throw new TokenRefused('key', 'its key does not sign yet');
  return known.key;
}

function keySet(directory: string): (kid: string) => Promise<Known | undefined> {
  let seen = '';
  let keys: ReadonlyMap<string, Known> = new Map();
  return async (kid) => {
    const is = await stat(keySetFile(directory)).then(
      ({ mtimeMs, size, ino }) => `${mtimeMs}/${size}/${ino}`,
      () => 'none',
    );
    if (is !== seen) {
      const read = await publicKeys(directory);
      keys = new Map(
        read.map((published) => {
          const { kty, crv, x } = published;
          const key = createPublicKey({ key: { kty, crv, x }, format: 'jwk' });
          return [published.kid, { key, published }];
        }),
      );
      seen = is;
    }
    return keys.get(kid);
  };
}

function checked(payload: object, { longest }: Config['tokens'], at: number): Claims {
  const read = tokenClaims.safeParse(payload);
  if (!read.success) {
    const names = [...new Set(read.error.issues.map(({ path }) => `${String(path[0])}`))];
    const [first = ''] = names;
    if (first === 'aud') throw new TokenRefused('audience', 'it is for more than one');
    throw new TokenRefused(
      names.includes('purpose') ? 'purpose' : 'claims',
      `${names.join(', ')} is missing or malformed`,
    );
  }
  const { iat, nbf, exp } = read.data;
  if (iat > at + toleranceSeconds || nbf > at + toleranceSeconds)
    throw new TokenRefused('not-yet-valid', 'its time has not come');
  if (exp - iat > longest)
    throw new TokenRefused('lifetime', `it lives longer than the ${longest} s of tokens.longest`);
  return read.data;
}

/** What `jose` found, in our words; its own would quote claims. */
function refusalOf(error: unknown): Error {
  if (error instanceof errors.JWTExpired) return new TokenRefused('expired', 'its time is up');
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim } = error;
    if (claim === 'aud') return new TokenRefused('audience', 'it is for somebody else');
    if (claim === 'iss') return new TokenRefused('issuer', 'somebody else has issued it');
    if (claim === 'nbf') return new TokenRefused('not-yet-valid', 'its time has not come');
    if (claim === 'typ') return new TokenRefused('type', `its typ is not ${tokenType}`);
    return new TokenRefused('claims', 'a claim is missing or malformed');
  }
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return new TokenRefused('signature', 'it was not signed by the key that it names');
  if (error instanceof errors.JOSEAlgNotAllowed)
    return new TokenRefused('algorithm', `${tokenAlgorithm} alone is taken`);
  if (error instanceof errors.JOSEError) return new TokenRefused('form', 'it is not a signed JWT');
  if (error instanceof Error) return error;
  return new TypeError('a token could not be verified');
}
