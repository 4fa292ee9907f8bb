import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type ClickHouseClient, createClient } from '@clickhouse/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FrontProcess, startFront } from './front-process.ts';

let folder: string;
let front: FrontProcess;
let client: ClickHouseClient;

function clientOf(options: Parameters<typeof createClient>[0] = {}): ClickHouseClient {
  return createClient({
    url: front.url,
    username: front.user,
    password: front.password,
    log: { level: 4 },
    ...options,
  });
}

interface Ask {
  readonly method?: 'GET' | 'POST';
  readonly url?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

function ask({ method = 'POST', url = {}, body, headers = {} }: Ask): Promise<Response> {
  return fetch(`${front.url}/?${new URLSearchParams(url).toString()}`, {
    method,
    headers: { ...basic(front.user, front.password), ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : Buffer.from(body) }),
  });
}

const basic = (user: string, password: string) => ({
  Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

const text = async (what: Ask | string) =>
  (await ask(typeof what === 'string' ? { body: what } : what)).text();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'front-'));
  front = await startFront(folder);
  client = clientOf();
  await text('CREATE DATABASE shop');
  await text(
    'CREATE TABLE shop.orders (id UInt64, note String, price Decimal(18, 4)) ' +
      'ENGINE = MergeTree ORDER BY id SETTINGS non_replicated_deduplication_window = 100',
  );
});

afterAll(async () => {
  await client.close();
  await front.end('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

describe('asking', () => {
  test('answers health checks without credentials', async () => {
    for (const path of ['/', '/ping', '/replicas_status']) {
      const response = await fetch(front.url + path);
      expect([response.status, await response.text()]).toEqual([200, 'Ok.\n']);
    }
    expect((await fetch(`${front.url}/nowhere`)).status).toBe(404);
  });

  test('takes a query in the URL, in the body, or half in each', async () => {
    expect(await text({ method: 'GET', url: { query: 'SELECT 1, 2' } })).toBe('1\t2\n');
    expect(await text('SELECT 1, 2')).toBe('1\t2\n');
    expect(await text({ url: { query: 'SELECT 1,' }, body: '2' })).toBe('1\t2\n');
    expect(await text('SELECT version()')).toMatch(/^\d+\.\d+/);
  });

  test.each([
    ['in the query', { body: "SELECT 1 AS format, 'a' AS s FORMAT JSONEachRow" }],
    [
      'in the query, before settings',
      { body: "SELECT 1 AS format, 'a' AS s FORMAT JSONEachRow SETTINGS max_threads = 1;" },
    ],
    [
      'in the URL',
      { url: { default_format: 'JSONEachRow' }, body: "SELECT 1 AS format, 'a' AS s" },
    ],
    [
      'in a header',
      {
        headers: { 'X-ClickHouse-Format': 'JSONEachRow' },
        body: "SELECT 1 AS format, 'a' AS s -- FORMAT CSV",
      },
    ],
  ])('takes the format %s', async (_where, what) => {
    const response = await ask(what);
    expect(response.headers.get('x-clickhouse-format')).toBe('JSONEachRow');
    expect(response.headers.get('content-type')).toBe('application/x-ndjson; charset=UTF-8');
    expect(await response.json()).toEqual({ format: 1, s: 'a' });
  });

  test('takes typed parameters, escaped as ClickHouse does', async () => {
    const url = {
      param_n: '7',
      param_s: "it's a \\ttab \\\\ and ü",
      param_a: "['x','y']",
      param_z: '\\N',
      param_t: 'orders',
    };
    const query =
      'SELECT {n:UInt8} + 1 AS n, {s:String} AS s, {a:Array(String)} AS a, ' +
      '{z:Nullable(String)} AS z, (SELECT count() FROM shop.{t:Identifier}) AS c FORMAT JSONEachRow';
    expect(JSON.parse(await text({ url, body: query }))).toEqual({
      n: 8,
      s: "it's a \ttab \\ and ü",
      a: ['x', 'y'],
      z: null,
      c: expect.any(Number),
    });
  });

  test('takes parameters and query as a form', async () => {
    const form = new FormData();
    form.set('query', 'SELECT {n:UInt8} * 2');
    form.set('param_n', '21');
    const response = await fetch(front.url, {
      method: 'POST',
      headers: basic(front.user, front.password),
      body: form,
    });
    expect(await response.text()).toBe('42\n');
  });

  test('keeps settings, database and parameters of one request away from all others', async () => {
    const one = (i: number) =>
      text({
        url: {
          max_block_size: `${1_000 + i}`,
          param_i: `${i}`,
          database: i % 2 ? 'shop' : 'system',
        },
        body: "SELECT {i:UInt32}, getSetting('max_block_size'), currentDatabase()",
      });
    const all = await Promise.all(Array.from({ length: 100 }, (_, i) => one(i)));
    expect(all).toEqual(all.map((_, i) => `${i}\t${1_000 + i}\t${i % 2 ? 'shop' : 'system'}\n`));
    expect(await text('SELECT currentDatabase()')).toBe('default\n');
  });

  test('says who answered, and how much', async () => {
    const response = await ask({
      url: { query_id: 'my-id' },
      body: 'SELECT number FROM numbers(5)',
    });
    expect(response.headers.get('x-clickhouse-query-id')).toBe('my-id');
    expect(JSON.parse(response.headers.get('x-clickhouse-summary') ?? '')).toMatchObject({
      result_rows: '5',
      written_rows: '0',
    });
  });

  test('lets a GET change nothing', async () => {
    const response = await ask({
      method: 'GET',
      url: { query: "INSERT INTO shop.orders VALUES (0, '', 0)" },
    });
    expect(response.headers.get('x-clickhouse-exception-code')).toBe('164');
    expect((await ask({ method: 'GET', url: { query: 'DROP DATABASE shop' } })).ok).toBe(false);
    expect(await text({ method: 'GET', url: { query: 'SELECT 1', max_threads: '1' } })).toBe('1\n');
  });

  test('keeps a session, for one request at a time', async () => {
    const url = { session_id: 's1' };
    await text({ url, body: 'CREATE TEMPORARY TABLE mine (x UInt8)' });
    await text({ url, body: 'INSERT INTO mine VALUES (3)' });
    expect(await text({ url, body: 'SELECT x FROM mine' })).toBe('3\n');
    expect(await text('SELECT x FROM mine')).toContain('Code: 60');
    const unknown = await ask({ url: { session_id: 's2', session_check: '1' }, body: 'SELECT 1' });
    expect(unknown.headers.get('x-clickhouse-exception-code')).toBe('372');
    const [slow, second] = await Promise.all([
      text({ url, body: 'SELECT sleep(0.5)' }),
      text({ url, body: 'SELECT sleep(0.5)' }),
    ]);
    expect([slow, second].filter((answer) => answer.includes('Code: 373'))).toHaveLength(1);
  });
});

describe('credentials', () => {
  test.each([
    ['none', {}],
    ['a wrong password in basic auth', { headers: basic('default', 'no') }],
    [
      'another user in headers',
      { headers: { 'X-ClickHouse-User': 'eve', 'X-ClickHouse-Key': 'x' } },
    ],
    ['a wrong password in the URL', { url: '&user=default&password=no' }],
  ])(
    'refuses %s',
    async (_what, { headers = {}, url = '' }: { headers?: object; url?: string }) => {
      const response = await fetch(`${front.url}/?query=SELECT+1${url}`, {
        headers: { ...headers },
      });
      expect(response.status).toBe(403);
      expect(response.headers.get('x-clickhouse-exception-code')).toBe('516');
      expect(await response.text()).toMatch(/^Code: 516\. DB::Exception: .*AUTHENTICATION_FAILED/);
    },
  );

  test('takes them from the URL too', async () => {
    const url = new URLSearchParams({
      user: front.user,
      password: front.password,
      query: 'SELECT 1',
    });
    expect(await (await fetch(`${front.url}/?${url.toString()}`)).text()).toBe('1\n');
  });
});

describe('errors', () => {
  test.each([
    ['SELEC 1', 400, 62],
    ['SELECT 1; SELECT 2', 400, 62],
    ['', 400, 62],
    ['SELECT * FROM nowhere', 404, 60],
    ['SELECT nothing', 404, 47],
    ['SELECT 1 SETTINGS no_such_setting = 1', 404, 115],
    ['SELECT {x:UInt8}', 500, 456],
    ['SELECT throwIf(1)', 500, 395],
    ['INSERT INTO shop.nowhere VALUES (1)', 404, 60],
    ['INSERT INTO shop.orders FORMAT CSV\n"x",y', 400, 27],
    ['SELECT 1 FORMAT NoSuchFormat', 404, 73],
  ])('%s', async (body, status, code) => {
    const response = await ask({ body });
    const said = await response.text();
    expect([said, response.status]).toEqual([expect.stringMatching(`^Code: ${code}\\.`), status]);
    expect(response.headers.get('x-clickhouse-exception-code')).toBe(`${code}`);
  });

  test('breaks the connection when a result fails half-way', async () => {
    const response = await ask({ body: 'SELECT throwIf(number = 3000000) FROM numbers(4000000)' });
    await expect(response.text()).rejects.toThrow('terminated');
    const held = await ask({
      url: { wait_end_of_query: '1' },
      body: 'SELECT throwIf(number = 3000000) FROM numbers(4000000)',
    });
    expect([held.status, held.headers.get('x-clickhouse-exception-code')]).toEqual([500, '395']);
  });
});

describe('compression', () => {
  test('takes gzip bodies and gives gzip answers when asked to', async () => {
    await text({
      url: { query: 'INSERT INTO shop.orders FORMAT CSV' },
      body: gzipSync('900,"zipped",1\n'),
      headers: { 'Content-Encoding': 'gzip' },
    });
    expect(await text('SELECT note FROM shop.orders WHERE id = 900')).toBe('zipped\n');
    const plain = await raw('/?query=SELECT+1', { 'Accept-Encoding': 'gzip' });
    expect([plain.encoding, plain.body.toString()]).toEqual([undefined, '1\n']);
    const zipped = await raw(
      '/?enable_http_compression=1&query=SELECT+number+FROM+numbers(100000)',
      {
        'Accept-Encoding': 'gzip',
      },
    );
    expect(zipped.encoding).toBe('gzip');
    expect(gunzipSync(zipped.body).toString().split('\n')).toHaveLength(100_001);
  });
});

/** By hand, because fetch decompresses before anyone can look. */
function raw(path: string, headers: Record<string, string>) {
  return new Promise<{ encoding: string | undefined; body: Buffer }>((resolve, reject) => {
    const call = request(front.url + path, {
      headers: { ...basic(front.user, front.password), ...headers },
    });
    call.once('error', reject);
    call.once('response', (response) => {
      response.toArray().then(
        (chunks) =>
          resolve({
            encoding: response.headers['content-encoding'],
            body: Buffer.concat(chunks),
          }),
        reject,
      );
    });
    call.end();
  });
}
