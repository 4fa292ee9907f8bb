import { generateKeyPairSync, sign } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { publicKeys } from '../../../ops/tokens/key-file.ts';
import { mint, rotate } from '../../../ops/tokens/signing.ts';
import { TokenRefused, verifier } from '../../../ops/tokens/verify.ts';
import { ada, signingPlace } from './signing-place.ts';

const now = new Date('2026-11-26T12:00:00Z');
const at = now.getTime() / 1_000;
const later = (seconds: number) => new Date(now.getTime() + seconds * 1_000);

let place: Awaited<ReturnType<typeof signingPlace>>;
let kid: string;
let good: string;

beforeAll(async () => {
  place = await signingPlace();
  await rotate(place.config, 'with overlap', later(-3_600));
  const minted = await mint(place.config, ada, { now, seconds: 900 });
  good = minted.token;
  kid = minted.kid;
});
afterAll(() => place[Symbol.asyncDispose]());

const check = (token: string, when = now) =>
  verifier(place.config.tokens)(token, when).then(
    () => 'taken',
    (error: unknown) => {
      if (!(error instanceof TokenRefused)) throw error;
      expect(error.message).not.toContain(token.split('.')[1] || 'a value');
      return error.check;
    },
  );

const claims = {
  iss: 'conductor',
  aud: 'conductor-api',
  sub: 'ada',
  jti: 'a-jti-of-this-test-0001',
  iat: at,
  nbf: at,
  exp: at + 900,
  purpose: 'analytics',
  tenant: '7',
  roles: ['analyst'],
  scope: 'data.read',
};
const header = () => ({ alg: 'EdDSA', typ: 'at+jwt', kid });

/** Signed by the right key, whatever it says. */
async function signed(change: object, head: object = {}): Promise<string> {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ ...header(), ...head })}.${part({ ...claims, ...change })}`;
  return `${text}.${sign(null, Buffer.from(text), await place.signingKey()).toString('base64url')}`;
}

test('what was minted is taken, and says what was minted', async () => {
  expect(await verifier(place.config.tokens)(good, now)).toMatchObject({
    ...ada,
    iss: 'conductor',
    aud: 'conductor-api',
    iat: at,
    nbf: at,
    exp: at + 900,
  });
});

describe('signed by the right key, and yet refused:', () => {
  test.for([
    ['another issuer', { iss: 'somebody' }, {}, 'issuer'],
    ['no issuer', { iss: undefined }, {}, 'issuer'],
    ['another audience', { aud: 'somebody' }, {}, 'audience'],
    ['no audience', { aud: undefined }, {}, 'audience'],
    ['two audiences', { aud: ['conductor-api', 'somebody'] }, {}, 'audience'],
    ['expired', { iat: at - 900, nbf: at - 900, exp: at - 11 }, {}, 'expired'],
    ['no end', { exp: undefined }, {}, 'claims'],
    ['an end that is text', { exp: `${at + 900}` }, {}, 'claims'],
    ['not yet valid', { nbf: at + 11 }, {}, 'not-yet-valid'],
    ['signed tomorrow', { iat: at + 11 }, {}, 'not-yet-valid'],
    ['no beginning', { nbf: undefined }, {}, 'claims'],
    ['a long life', { exp: at + 3_601 }, {}, 'lifetime'],
    ['a long life that is nearly over', { iat: at - 86_400, nbf: at - 86_400 }, {}, 'lifetime'],
    ['no purpose', { purpose: undefined }, {}, 'purpose'],
    ['a purpose that is no name', { purpose: 'Any Thing' }, {}, 'purpose'],
    ['several purposes', { purpose: ['analytics', 'marketing'] }, {}, 'purpose'],
    ['no tenant', { tenant: undefined }, {}, 'claims'],
    ['an empty tenant', { tenant: '' }, {}, 'claims'],
    ['no subject', { sub: undefined }, {}, 'claims'],
    ['no jti', { jti: undefined }, {}, 'claims'],
    ['roles that are text', { roles: 'admin' }, {}, 'claims'],
    ['scopes that are a list', { scope: ['data.read'] }, {}, 'claims'],
    ['details of another type', { authorization_details: [{ type: 'payment' }] }, {}, 'claims'],
    ['another type', {}, { typ: 'JWT' }, 'type'],
    ['no type', {}, { typ: undefined }, 'type'],
    ['an extension that is critical', {}, { crit: ['exp'], exp: 1 }, 'critical'],
    ['an unencoded payload', {}, { crit: ['b64'], b64: true }, 'critical'],
    ['a kid that nobody published', {}, { kid: 'another' }, 'key'],
    ['no kid', {}, { kid: undefined }, 'key'],
    ['a key of its own', {}, { jwk: { kty: 'OKP', crv: 'Ed25519', x: 'AA' } }, 'key'],
    ['a place of its own for keys', {}, { jku: 'https://example.com/jwks.json' }, 'key'],
    ['no algorithm', {}, { alg: undefined }, 'algorithm'],
    ['another name of the same algorithm', {}, { alg: 'Ed25519' }, 'algorithm'],
    ['none as its algorithm', {}, { alg: 'none' }, 'algorithm'],
    ['none in capitals', {}, { alg: 'NONE' }, 'algorithm'],
  ] as const)('%s', async ([, change, head, word]) => {
    expect(await check(await signed(change, head))).toBe(word);
  });
});

describe('signed otherwise:', () => {
  test('by another key under the same kid', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const token = await new SignJWT(claims).setProtectedHeader(header()).sign(privateKey);
    expect(await check(token)).toBe('signature');
  });
  test('by the public key as a secret', async () => {
    const [{ x } = { x: '' }] = await publicKeys(place.directory);
    for (const secret of [Buffer.from(x, 'base64url'), Buffer.from(x)]) {
      const token = await new SignJWT(claims)
        .setProtectedHeader({ ...header(), alg: 'HS256' })
        .sign(secret);
      expect(await check(token)).toBe('algorithm');
    }
  });
  test.for(['RS256', 'PS256', 'ES256'] as const)('by %s', async (alg) => {
    const { privateKey } =
      alg === 'ES256'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const token = await new SignJWT(claims)
      .setProtectedHeader({ ...header(), alg })
      .sign(privateKey);
    expect(await check(token)).toBe('algorithm');
  });
  test('not at all', async () => {
    expect(await check(new UnsecuredJWT(claims).encode())).toBe('form');
    expect(await check(`${new UnsecuredJWT(claims).encode()}AA`)).toBe('algorithm');
  });
  test('with one bit of any part changed', async () => {
    const parts = good.split('.');
    for (const which of [0, 1, 2]) {
      const bytes = Buffer.from(parts[which]!, 'base64url');
      bytes[bytes.length >> 1]! ^= 1;
      const changed = parts.with(which, bytes.toString('base64url')).join('.');
      expect(await check(changed)).toMatch(
        which === 0 ? /header|form|algorithm|key/ : /signature|form/,
      );
    }
  });
  test.for<[string, string]>([
    ['nothing', ''],
    ['no token', 'ada'],
    ['two parts', 'e30.e30'],
    ['five parts', 'e30.e30.e30.e30.e30'],
    ['a header that is no JSON', 'AAAA.e30.AAAA'],
    ['a header that is a list', `${Buffer.from('[]').toString('base64url')}.e30.AAAA`],
    ['a lot', `e30.${'A'.repeat(9_000)}.AAAA`],
  ])('%s', async ([, token]) => {
    expect(await check(token)).toMatch(/form|algorithm/);
  });
});

test('clocks may be ten seconds apart, and no more', async () => {
  expect(await check(good, later(909))).toBe('taken');
  expect(await check(good, later(911))).toBe('expired');
  expect(await check(good, later(-10))).toBe('taken');
  expect(await check(good, later(-11))).toBe('not-yet-valid');
});

test('a rotation lets old tokens end, signs with the new key later, and needs no restart', async () => {
  await using own = await signingPlace();
  const verify = verifier(own.config.tokens);
  const first = await mint(own.config, ada, { now, seconds: 3_600 });
  const { kid: next } = await rotate(own.config, 'with overlap', now);
  const beside = await mint(own.config, ada, { now: later(599), seconds: 3_600 });
  expect(beside.kid).toBe(first.kid);
  const after = await mint(own.config, ada, { now: later(600), seconds: 900 });
  expect(after.kid).toBe(next);
  await verify(first.token, later(3_000));
  await verify(beside.token, later(599 + 3_600));
  await verify(after.token, later(601));
  await expect(verify(beside.token, later(600 + 3_600 + 11))).rejects.toThrow(/key|expired/);
});

test('one command at a time changes the keys, and one that was killed holds nobody up', async () => {
  await using own = await signingPlace();
  const at = (pid: number, name: string) =>
    writeFile(
      `${own.directory}/jwks.lock.00000000-0000-4000-8000-00000000000${name}`,
      JSON.stringify({ host: hostname(), pid }),
    );
  await at(2 ** 22 - 1, '1');
  await rotate(own.config, 'with overlap', now);
  await at(process.pid, '2');
  await expect(rotate(own.config, 'with overlap', now)).rejects.toThrow(
    'another command is changing the signing keys',
  );
  expect(await publicKeys(own.directory)).toHaveLength(1);
});

test('once a key is compromised, nothing that it signed is taken', async () => {
  await using own = await signingPlace();
  const verify = verifier(own.config.tokens);
  const stolen = await mint(own.config, ada, { now, seconds: 900 });
  await verify(stolen.token, now);
  await rotate(own.config, 'compromised', later(1));
  await expect(verify(stolen.token, later(1))).rejects.toMatchObject({ check: 'key' });
  const fresh = await mint(own.config, ada, { now: later(1), seconds: 900 });
  expect(fresh.kid).not.toBe(stolen.kid);
  await verify(fresh.token, later(1));
});

test('a key that does not sign yet is not taken', async () => {
  await using own = await signingPlace();
  await mint(own.config, ada, { now, seconds: 900 });
  await rotate(own.config, 'with overlap', now);
  const early = await mint(own.config, ada, { now: later(600), seconds: 900 });
  await expect(verifier(own.config.tokens)(early.token, now)).rejects.toMatchObject({
    check: 'key',
  });
});

test('private keys rest wrapped: another keyring opens none of them', async () => {
  await using own = await signingPlace();
  await mint(own.config, ada, { now, seconds: 900 });
  const stranger = { ...own.config, secret: Buffer.alloc(32) };
  await expect(mint(stranger, ada, { now, seconds: 900 })).rejects.toThrow(/this keyring/);
});

test('a damaged set of keys is told of, and takes no token', async () => {
  await using own = await signingPlace();
  const { token } = await mint(own.config, ada, { now, seconds: 900 });
  await writeFile(`${own.directory}/jwks.json`, '{"keys":[{"kty":"oct","k":"AA","kid":"x"}]}');
  await expect(verifier(own.config.tokens)(token, now)).rejects.toThrow(/not a set of Ed25519/);
});
