import { sql } from '@databases/pg';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { privateKeyOf, publicKeys } from '../../../ops/tokens/key-file.ts';
import { rotate } from '../../../ops/tokens/signing.ts';
import { openWay, type Way } from '../way/way.ts';
import { errorOf, type RunningApi, signingOf, startApi, unique } from './api.ts';

let way: Way;
let api: RunningApi;

beforeAll(async () => {
  way = await openWay();
  api = await startApi(way);
});
afterAll(() => way[Symbol.asyncDispose]());

const turn = 'mutation Turn($t: ID!) { enablePrivacyV2(tenantId: $t, enabled: true) }';
const state = 'query State($t: ID!) { privacyV2(tenantId: $t) { state } }';
const admin = { sub: 'root', roles: ['admin'] };

interface Entry {
  readonly subject: string;
  readonly field: string;
  readonly decision: string;
  readonly reason: string;
}

const entriesOf = (subject: string): Promise<readonly Entry[]> =>
  way.state.query(sql`SELECT * FROM api_audit WHERE subject = ${subject} ORDER BY id`) as Promise<
    readonly Entry[]
  >;

test('what is allowed is done, and noted: who, for what, which ability, which policy, and no variable', async () => {
  const sub = unique();
  const token = await api.token({ ...admin, sub, tenant: 'tenant-MARKER' });
  const { data } = await api.ask(token, turn, { t: 'tenant-MARKER' });
  expect(data).toEqual({ enablePrivacyV2: true });
  const [entry, ...others] = await entriesOf(sub);
  expect(others).toEqual([]);
  expect(entry).toMatchObject({
    subject: sub,
    tenant: 'tenant-MARKER', // The token's own.
    roles: ['admin'],
    scopes: null,
    purpose: 'operations',
    field: 'Mutation.enablePrivacyV2',
    ability: 'admin.write',
    operation: 'Turn',
    dataset: null,
    decision: 'allowed',
    rules: ['admins-administer'],
    policy_revision: expect.stringMatching(/^[0-9a-f]{16}$/),
  });
});

describe('denied, and noted:', () => {
  test.for([
    ['a role that may not', { roles: ['analyst'] }, 'policy-none'],
    ['no role', { roles: [] }, 'policy-none'],
    ['a role that nobody knows', { roles: ['superadmin'] }, 'policy-none'],
    ['a purpose that forbids it', { ...admin, purpose: 'marketing' }, 'policy-purpose'],
    ['a purpose that policy does not know', { ...admin, purpose: 'fun' }, 'unknown-purpose'],
    ['scopes that do not reach it', { ...admin, scope: 'data.read' }, 'policy-scope'],
    ['another tenant', { ...admin, tenant: '2' }, 'another-tenant'],
  ] as const)('%s', async ([, bearer, reason]) => {
    const sub = unique();
    const token = await api.token({ ...bearer, roles: [...bearer.roles], sub });
    const answer = await api.ask(token, turn, { t: '1' });
    expect(errorOf(answer)).toEqual(['FORBIDDEN', reason]);
    expect(answer.status).toBe(403);
    expect(await entriesOf(sub)).toMatchObject([{ decision: 'denied', reason }]);
    const { data } = await api.ask(await api.token({ ...admin, scope: 'privacy.read' }), state, {
      t: '1',
    });
    expect(data).toEqual({ privacyV2: { state: 'off' } });
  });
});

describe('not even let in:', () => {
  const hour = 3_600_000;
  test.for([
    ['expired', { now: new Date(Date.now() - hour), seconds: 900 }, 'expired'],
    ['not yet valid', { now: new Date(Date.now() + hour), seconds: 900 }, 'not-yet-valid'],
    ['for somebody else', { audience: 'another-api' }, 'audience'],
    ['too long a life', { seconds: 3_601 }, 'lifetime'],
  ] as const)('%s', async ([, options, reason]) => {
    await rotate(await signingOf(way), 'with overlap', new Date(Date.now() - 2 * hour)); // So that its key is old enough.
    const answer = await api.ask(await api.token(admin, options), turn, { t: '1' });
    expect([answer.status, ...errorOf(answer)]).toEqual([401, 'UNAUTHENTICATED', reason]);
  });

  test.for([
    ['signature', { kid: null }],
    ['key', { kid: 'a-key-that-nobody-published' }],
    ['algorithm', { alg: 'HS256' }],
  ] as const)('%s', async ([reason, change]) => {
    await api.token(); // There is a key.
    const keys = await publicKeys(way.config.tokens.directory);
    const published = keys.find(({ nbf, exp }) => nbf * 1_000 <= Date.now() && exp === undefined);
    const key = await privateKeyOf(
      way.config.tokens.directory,
      (await signingOf(way)).secret,
      published!,
    );
    const kid = 'kid' in change && change.kid !== null ? change.kid : published!.kid;
    const alg = 'alg' in change ? change.alg : 'EdDSA';
    const secret = Buffer.from(published!.x, 'base64url');
    const now = Math.floor(Date.now() / 1_000);
    const signed = await new SignJWT({ purpose: 'operations', tenant: '1', roles: ['admin'] })
      .setProtectedHeader({ alg, typ: 'at+jwt', kid })
      .setIssuer('conductor')
      .setAudience('conductor-api')
      .setSubject('eve')
      .setJti(unique())
      .setIssuedAt(now)
      .setNotBefore(now)
      .setExpirationTime(now + 60)
      .sign(alg === 'HS256' ? secret : key);
    const token = reason === 'signature' ? `${signed.slice(0, -8)}AAAAAAAA` : signed;
    const answer = await api.ask(token, turn, { t: '1' });
    expect([answer.status, ...errorOf(answer)]).toEqual([401, 'UNAUTHENTICATED', reason]);
    expect(answer.text).not.toContain(token);
  });

  test('without a token, or one where none belongs', async () => {
    expect((await api.ask(null, turn, { t: '1' })).status).toBe(401);
    const token = await api.token(admin);
    const cookie = await api.ask(null, turn, { t: '1' }, { headers: { cookie: `token=${token}` } });
    expect(cookie.status).toBe(401);
    const url = new URL(`${api.url}/graphql`);
    url.searchParams.set('access_token', token);
    url.searchParams.set('query', '{ __typename }');
    expect((await fetch(url)).status).toBe(401);
  });
});

test('a token that is good for one call is good for one call', async () => {
  const sub = unique();
  const token = await api.token({ ...admin, sub, once: true });
  expect((await api.ask(token, turn, { t: '1' })).errors).toEqual([]);
  expect(errorOf(await api.ask(token, turn, { t: '1' }))).toEqual(['FORBIDDEN', 'replayed']);
  const both = await Promise.all(
    [await api.token({ ...admin, sub, once: true })].flatMap((one) => [
      api.ask(one, turn, { t: '1' }),
      api.ask(one, turn, { t: '1' }),
    ]),
  );
  expect(both.filter(({ errors }) => errors.length === 0)).toHaveLength(1);
});

test('the public keys are published, and verify what is minted', async () => {
  const token = await api.token();
  const published = (await (
    await fetch(`${api.url}/.well-known/jwks.json`)
  ).json()) as JSONWebKeySet;
  const { payload } = await jwtVerify(token, createLocalJWKSet(published));
  expect(payload).toMatchObject({ sub: 'ada', tenant: '1' });
  for (const key of published.keys) expect(key).not.toHaveProperty('d');
});

test('what cannot be noted is not answered', async () => {
  const token = await api.token(admin);
  await way.state.query(sql`ALTER TABLE api_audit RENAME TO api_audit_away`);
  try {
    const answer = await api.ask(token, turn, { t: '1' });
    expect([answer.status, ...errorOf(answer)]).toEqual([503, 'UNAVAILABLE', undefined]);
    expect(answer.text).not.toMatch(/relation|api_audit/);
  } finally {
    await way.state.query(sql`ALTER TABLE api_audit_away RENAME TO api_audit`);
  }
  expect((await api.ask(token, turn, { t: '1' })).errors).toEqual([]);
});

test('what takes too long is given up', async () => {
  const file = await way.variant((raw) => (raw['api'] = { timeoutSeconds: 1 }));
  const hasty = await startApi(way, file);
  const token = await hasty.token(admin);
  await way.state.tx(async (tx) => {
    await tx.query(sql`LOCK TABLE api_audit IN ACCESS EXCLUSIVE MODE`);
    expect((await hasty.ask(token, turn, { t: '1' })).status).toBe(504);
  });
});

test('calls are forgotten after thirty days', async () => {
  const sub = unique();
  const token = await api.token({ ...admin, sub });
  for (const t of ['1', '1']) await api.ask(token, turn, { t });
  await way.state.query(sql`
    UPDATE api_audit SET at = now() - interval '30 days 1 minute'
    WHERE id = (SELECT min(id) FROM api_audit WHERE subject = ${sub})`);
  const other = await startApi(way);
  expect(await entriesOf(sub)).toHaveLength(1);
  other.worker.kill('SIGTERM');
  expect(await other.worker.ended).toMatchObject({ code: 0 });
});
