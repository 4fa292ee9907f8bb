import { createPublicKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { compactVerify, errors, flattenedVerify } from 'jose';
import { expect, test } from 'vitest';
import { mint } from '../../../ops/tokens/signing.ts';
import { TokenRefused, verifier } from '../../../ops/tokens/verify.ts';
import { ada, signingPlace } from './signing-place.ts';

const vectors = async <T>(file: string): Promise<readonly T[]> => {
  const read: unknown = JSON.parse(await readFile(`test/golden/${file}`, 'utf8'));
  return (read as { readonly tests: readonly T[] }).tests;
};

const hex = (text: string) => Buffer.from(text, 'hex');

type Signature = readonly [id: number, key: string, message: string, sig: string, result: string];

test('Ed25519 signatures are taken and refused as Wycheproof has them', async () => {
  const tests = await vectors<Signature>('ed25519.json');
  expect(tests.length).toBeGreaterThan(80);
  for (const [id, key, message, signature, result] of tests) {
    const x = hex(key).toString('base64url');
    const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    const taken = await verifies(publicKey, hex(message), hex(signature));
    expect(taken ? 'valid' : 'invalid', `tcId ${id}`).toBe(result);
  }
});

/** By the same Web Cryptography that `jose` calls: the messages of the vectors are no JWS. */
async function verifies(
  key: ReturnType<typeof createPublicKey>,
  message: Buffer<ArrayBuffer>,
  signature: Buffer<ArrayBuffer>,
): Promise<boolean> {
  const imported = await crypto.subtle.importKey(
    'jwk',
    key.export({ format: 'jwk' }),
    'Ed25519',
    false,
    ['verify'],
  );
  return crypto.subtle.verify('Ed25519', imported, signature, message);
}

test('RFC 8037, A.4: its JWS of EdDSA is taken, and none with another signature', async () => {
  const x = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo';
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  const jws =
    'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg';
  const { payload } = await compactVerify(jws, key, { algorithms: ['EdDSA'] });
  expect(Buffer.from(payload).toString()).toBe('Example of Ed25519 signing');
  const [protectedHeader = '', body = '', signature = ''] = jws.split('.');
  const changed = {
    protected: protectedHeader,
    payload: body,
    signature: signature.replace('h', 'i'),
  };
  await expect(flattenedVerify(changed, key)).rejects.toThrow(
    errors.JWSSignatureVerificationFailed,
  );
});

test('no JWS of another algorithm is a token, valid or not as Wycheproof has it', async () => {
  await using place = await signingPlace();
  const now = new Date();
  await mint(place.config, ada, { now, seconds: 900 });
  const verify = verifier(place.config.tokens);
  const tests =
    await vectors<readonly [id: number, comment: string, jws: string]>('json-web-signature.json');
  expect(tests.length).toBeGreaterThan(50);
  for (const [id, comment, jws] of tests) {
    const refused: unknown = await verify(jws, now).catch((error: unknown) => error);
    expect(refused, `tcId ${id}, ${comment}`).toBeInstanceOf(TokenRefused);
    expect(['form', 'algorithm', 'critical', 'type'], `tcId ${id}, ${comment}`).toContain(
      (refused as TokenRefused).check,
    );
  }
});
