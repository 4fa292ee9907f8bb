import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import type { Config } from '../../contracts/config.ts';
import type { Minted } from '../../contracts/token-claims.ts';
import { addKey, privateKeyOf, publicKeys, type PublicKey } from './key-file.ts';

/** How far the clocks of whoever signs and whoever verifies may be apart, in seconds. */
export const toleranceSeconds = 10;

/** The type of an access token (RFC 9068): no other JWT of the same issuer is taken for one. */
export const tokenType = 'at+jwt';

/** The one algorithm there is. */
export const tokenAlgorithm = 'EdDSA';

/** A new key is published this long before it signs: whoever keeps a copy of the set for less has it in time. */
const publishedAheadSeconds = 600;

export type Rotation = 'with overlap' | 'compromised';

/** Where signing keys are, and the secret that their private halves are under. */
export interface Signing {
  readonly tokens: Config['tokens'];
  readonly secret: Buffer;
}

/**
 * Makes a key. With overlap, it signs once everybody may know it, and the others are taken until the last
 * token that they signed has expired. Where a key is compromised, no token of any older key is taken from now on.
 */
export function rotate({ tokens, secret }: Signing, how: Rotation, now: Date): Promise<PublicKey> {
  const iat = seconds(now);
  return addKey(tokens.directory, secret, ({ kid, x }, known) => {
    const alone = known.every((key) => isOver(key, iat));
    const nbf = how === 'compromised' || alone ? iat : iat + publishedAheadSeconds;
    const end = how === 'compromised' ? iat : nbf + tokens.longest + toleranceSeconds;
    const older = known
      .filter((key) => !isOver(key, iat))
      .map((key) => ({ ...key, exp: Math.min(key.exp ?? end, end) }));
    const made = {
      kty: 'OKP',
      crv: 'Ed25519',
      x,
      kid,
      alg: 'EdDSA',
      use: 'sig',
      iat,
      nbf,
    } as const;
    return [made, ...older];
  });
}

export interface Token {
  readonly token: string;
  readonly kid: string;
  readonly jti: string;
  readonly expires: string;
}

/** Signs a token with the newest key that signs; the first token makes the first key. */
export async function mint(
  { tokens, secret }: Signing,
  bearer: Minted,
  {
    now,
    seconds: life,
    audience = tokens.audience,
  }: { readonly now: Date; readonly seconds: number; readonly audience?: string | undefined },
): Promise<Token> {
  const iat = seconds(now);
  const signs = (key: PublicKey) => key.nbf <= iat && !isOver(key, iat);
  const key =
    (await publicKeys(tokens.directory)).find(signs) ??
    (await rotate({ tokens, secret }, 'with overlap', now));
  const jti = randomUUID();
  const exp = iat + life;
  const { sub, ...claims } = bearer;
  const token = await new SignJWT({ ...claims, client_id: 'conductor' })
    .setProtectedHeader({ alg: tokenAlgorithm, typ: tokenType, kid: key.kid })
    .setIssuer(tokens.issuer)
    .setAudience(audience)
    .setSubject(sub)
    .setJti(jti)
    .setIssuedAt(iat)
    .setNotBefore(iat)
    .setExpirationTime(exp)
    .sign(await privateKeyOf(tokens.directory, secret, key));
  return { token, kid: key.kid, jti, expires: new Date(exp * 1_000).toISOString() };
}

/** Whether a key's time is up. */
export const isOver = ({ exp }: PublicKey, at: number): boolean => exp !== undefined && exp <= at;

export const seconds = (date: Date): number => Math.floor(date.getTime() / 1_000);
