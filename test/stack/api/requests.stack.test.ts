import { writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { certificates, hasOpenssl } from '../source/certificates.ts';
import { openWay, type Way } from '../way/way.ts';
import { answered, type RunningApi, startApi } from './api.ts';

let way: Way;
let api: RunningApi;

beforeAll(async () => {
  way = await openWay();
  api = await startApi(way);
});
afterAll(() => way[Symbol.asyncDispose]());

const admin = { sub: 'root', roles: ['admin'] };

describe('a request that is refused as it is:', () => {
  let token: string;
  beforeEach(async () => {
    token = await api.token(admin);
  });
  const post = async (body: string, headers: Record<string, string> = {}) =>
    answered(
      await fetch(`${api.url}/graphql`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          authorization: `Bearer ${token}`,
          ...headers,
        },
        body,
      }),
    );
  const statusOf = async (query: string) => (await api.ask(token, query)).status;

  test('by its size', async () => {
    expect((await post(JSON.stringify({ query: `{ a${'a'.repeat(70_000)} }` }))).status).toBe(413);
  });
  test('a form, as a page of another site could send it', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'])
      expect((await post('query={__typename}', { 'content-type': type })).status).toBe(415);
  });
  test('several at once', async () => {
    const one = { query: '{ policy { revision } }' };
    expect((await post(JSON.stringify([one, one]))).status).toBe(400);
  });
  test('a mutation by GET', async () => {
    const url = new URL(`${api.url}/graphql`);
    url.searchParams.set('query', 'mutation { enablePrivacyV2(tenantId: "1", enabled: true) }');
    const { status } = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    expect(status).toBe(405);
  });
  test('by its aliases, its fields and its depth', async () => {
    const aliases = Array.from({ length: 6 }, (_, n) => `a${n}: policy { revision }`).join(' ');
    expect(await statusOf(`{ ${aliases} }`)).toBe(400);
    const fields = Array.from({ length: 101 }, () => 'policy { revision }').join(' ');
    expect(await statusOf(`{ ${fields} }`)).toBe(400);
    const deep = `{ ${'policy { '.repeat(9)} revision ${'}'.repeat(9)} }`;
    expect(await statusOf(deep)).toBe(400);
  });
  test('that asks for the schema, or guesses at it', async () => {
    expect(await statusOf('{ __schema { types { name } } }')).toBe(400);
    const { text, status } = await api.ask(token, '{ polcy { revision } }');
    expect(status).toBe(400);
    expect(text).not.toContain('policy');
  });
  test('to another path, or in another way', async () => {
    expect((await fetch(`${api.url}/`)).status).toBe(404);
    expect((await fetch(`${api.url}/graphql`, { method: 'DELETE' })).status).toBe(405);
  });
});

test('a page of another site is promised nothing', async () => {
  const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
  const preflight = await fetch(`${api.url}/graphql`, { method: 'OPTIONS', headers });
  expect(preflight.status).toBe(405);
  const asked = await fetch(`${api.url}/healthz`, { headers });
  for (const { headers: got } of [preflight, asked])
    expect([...got.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
});

test('without TLS, only loopback is listened on', async () => {
  const file = await way.variant((raw) => (raw['api'] = { host: '0.0.0.0' }));
  const { code, stderr } = await way.start(['api'], file).ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/api.tls/);
});

test.skipIf(!hasOpenssl)('with a certificate, TLS alone is spoken', async () => {
  const made = certificates(way.folder);
  for (const name of ['server.crt', 'server.key'] as const)
    await writeFile(join(way.folder, name), made[name]);
  const file = await way.variant(
    (raw) => (raw['api'] = { tls: { certificate: 'server.crt', key: 'server.key' } }),
  );
  const { url, worker } = await startApi(way, file);
  const [, port = ''] = /:(\d+)$/.exec(url) ?? [];
  expect(url).toMatch(/^https:/);
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const options = { host: '127.0.0.1', port, servername: 'localhost', ca: made['root.crt'] };
    get({ ...options, path: '/healthz' }, ({ statusCode }) => resolve(statusCode)).once(
      'error',
      reject,
    );
  });
  expect(status).toBe(200);
  await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
  worker.kill('SIGTERM');
  expect(await worker.ended).toMatchObject({ code: 0 });
});

test('a port that is taken is told of', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as { readonly port: number };
  const file = await way.variant((raw) => (raw['api'] = { port }));
  const { code, stderr } = await way.start(['api'], file).ended;
  taken.close();
  expect(code).toBe(1);
  expect(stderr).toMatch(/EADDRINUSE/);
});
