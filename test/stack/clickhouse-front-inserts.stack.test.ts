import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClickHouseClient, createClient } from '@clickhouse/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FrontProcess, startFront } from './front-process.ts';

let folder: string;
let front: FrontProcess;
let client: ClickHouseClient;

const columns = '(id UInt64, note String, price Decimal(18, 4))';

async function post(query: string, body: string | Uint8Array = '', url = {}): Promise<Response> {
  const parameters = new URLSearchParams({ ...url, ...(query && { query }) });
  const key = Buffer.from(`${front.user}:${front.password}`).toString('base64');
  const response = await fetch(`${front.url}/?${parameters.toString()}`, {
    method: 'POST',
    headers: { Authorization: `Basic ${key}` },
    body: typeof body === 'string' ? body : Buffer.from(body),
  });
  if (!response.ok) throw new Error(await response.text());
  return response;
}

const text = async (query: string) => (await post('', query)).text();
const bytes = async (query: string) => new Uint8Array(await (await post('', query)).arrayBuffer());
const written = (response: Response) =>
  Number(JSON.parse(response.headers.get('x-clickhouse-summary') ?? '{}').written_rows);

function connect(): ClickHouseClient {
  return createClient({ url: front.url, username: front.user, password: front.password });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'front-'));
  front = await startFront(folder);
  client = connect();
});

afterAll(async () => {
  await client.close();
  await front.end('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

let tables = 0;
async function table(settings = ''): Promise<string> {
  const name = `t${tables++}`;
  await text(`CREATE TABLE ${name} ${columns} ENGINE = MergeTree ORDER BY id ${settings}`);
  return name;
}

const rows =
  "SELECT number + 9 AS id, concat('a;\n\t''\\\\', toString(number)) AS note, number / 8 AS price FROM numbers(30)";

describe('formats', () => {
  test.each([
    'RowBinary',
    'RowBinaryWithNamesAndTypes',
    'JSONEachRow',
    'JSONCompactEachRow',
    'JSON',
    'CSV',
    'CSVWithNames',
    'TSV',
    'TabSeparatedWithNamesAndTypes',
    'Values',
    'Native',
    'Parquet',
    'ArrowStream',
    'Avro',
  ])('%s goes in as it came out', async (format) => {
    const source = await table();
    const copy = await table();
    await text(`INSERT INTO ${source} ${rows}`);
    const data = await bytes(`SELECT * FROM ${source} ORDER BY id FORMAT ${format}`);
    expect(written(await post(`INSERT INTO ${copy} FORMAT ${format}`, data))).toBe(30);
    const inline = Buffer.concat([
      Buffer.from(`INSERT INTO ${copy} (id, note, price) FORMAT ${format}\n`),
      data,
    ]);
    expect(written(await post('', inline))).toBe(30);
    const sum = (name: string) =>
      text(`SELECT groupBitXor(cityHash64(*)), sum(price) FROM ${name}`);
    expect(await sum(`(SELECT DISTINCT * FROM ${copy})`)).toBe(await sum(source));
  });

  test.each([10, 13, 32, 9, 59, 0])('a binary insert may begin with byte %i', async (first) => {
    const name = await table();
    const row = Buffer.from([first, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    await post(`INSERT INTO ${name} FORMAT RowBinary`, row);
    expect(await text(`SELECT id FROM ${name}`)).toBe(`${first}\n`);
  });
});

describe('statements', () => {
  test.each([
    [(t: string) => ['', `INSERT INTO ${t} VALUES (1, 'a;b', 2), (2, 'it''s', 3)`], 2],
    [(t: string) => [`INSERT INTO ${t} VALUES`, "(1, 'x', 2)"], 1],
    [(t: string) => [`INSERT INTO ${t} (id) VALUES (1), (2), (3)`, ''], 3],
    [(t: string) => [`INSERT INTO ${t} ${rows}`, ''], 30],
    [
      (t: string) => [
        '',
        `/* FORMAT CSV */ insert into table default.\`${t}\` (id, note) -- x\nformat TSV\n7\tseven\n`,
      ],
      1,
    ],
    [(t: string) => [`INSERT INTO ${t} (* EXCEPT(note)) FORMAT CSV`, '1,2\n'], 1],
    [
      (t: string) => [`INSERT INTO ${t} SETTINGS max_threads = 1 FORMAT JSONEachRow`, '{"id":1}'],
      1,
    ],
    [
      (t: string) => [
        `INSERT INTO ${t} SELECT x + 1, '', 0 FROM input('x UInt64') FORMAT CSV`,
        '4\n5\n',
      ],
      2,
    ],
    [
      (t: string) => [`INSERT INTO FUNCTION remote('127.0.0.1', 'none', '${t}') FORMAT CSV`, ''],
      null,
    ],
    [(t: string) => [`INSERT INTO ${t} FORMAT JSONEachRow`, ''], 0],
    [(t: string) => [`INSERT INTO ${t} FORMAT RowBinary`, ''], 0],
  ] as const)('%o', async (statement, count) => {
    const name = await table();
    const [query = '', body = ''] = statement(name);
    if (count === null) return await expect(post(query, body)).rejects.toThrow('Code: ');
    expect(written(await post(query, body))).toBe(count);
    expect(await text(`SELECT count() FROM ${name}`)).toBe(`${count}\n`);
  });

  test('a body too long for memory goes in whole, once for its token', async () => {
    const name = await table('SETTINGS non_replicated_deduplication_window = 100');
    const body = Array.from({ length: 60_000 }, (_, i) => `${i},"${'x'.repeat(40)}",1\n`).join('');
    expect(body.length).toBeGreaterThan(2 * 1024 * 1024);
    const url = { insert_deduplication_token: 'one' };
    expect(written(await post(`INSERT INTO ${name} FORMAT CSV`, body, url))).toBe(60_000);
    await post('', `INSERT INTO ${name} (id, note, price) FORMAT CSV\n${body}`, url);
    expect(await text(`SELECT count(), uniqExact(id) FROM ${name}`)).toBe('60000\t60000\n');
  });

  test('a token inserts once; another one inserts again', async () => {
    const name = await table('SETTINGS non_replicated_deduplication_window = 100');
    for (const token of ['a', 'a', 'b', 'a']) {
      const url = { insert_deduplication_token: token };
      await post(`INSERT INTO ${name} FORMAT JSONEachRow`, '{"id": 1}', url);
    }
    expect(await text(`SELECT count() FROM ${name}`)).toBe('2\n');
  });

  test('an asynchronous insert is there once it was waited for', async () => {
    const name = await table();
    const url = { async_insert: '1', wait_for_async_insert: '1' };
    await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        post(`INSERT INTO ${name} FORMAT JSONEachRow`, `{"id":${i}}`, url),
      ),
    );
    expect(await text(`SELECT count() FROM ${name}`)).toBe('8\n');
  });
});

describe('@clickhouse/client', () => {
  test('pings, commands, inserts and reads as with a server', async () => {
    expect(await client.ping({ select: true })).toEqual({ success: true });
    expect(await client.ping()).toEqual({ success: true });
    await client.command({
      query: 'CREATE DATABASE IF NOT EXISTS {d:Identifier}',
      query_params: { d: 'app' },
    });
    await client.command({ query: `CREATE TABLE app.t ${columns} ENGINE = MergeTree ORDER BY id` });
    const values = [{ id: '18446744073709551615', note: 'ü', price: '0.0001' }];
    const { summary } = await client.insert({ table: 'app.t', values, format: 'JSONEachRow' });
    expect(summary?.written_rows).toBe('1');
    const result = await client.query({
      query: 'SELECT *, price * 3 AS three FROM app.t WHERE note = {note:String}',
      query_params: { note: 'ü' },
      format: 'JSON',
      clickhouse_settings: {
        output_format_json_quote_64bit_integers: 1,
        output_format_json_quote_decimals: 1,
      },
    });
    expect((await result.json()).data).toEqual([{ ...values[0], three: '0.0003' }]);
    await expect(client.query({ query: 'SELECT * FROM app.nothing' })).rejects.toMatchObject({
      code: '60',
      type: 'UNKNOWN_TABLE',
    });
  });

  test('streams in and out, compressed both ways', async () => {
    const zipped = createClient({
      url: front.url,
      username: front.user,
      password: front.password,
      compression: { request: true, response: true },
    });
    const name = await table();
    const values = (async function* () {
      for (let id = 0; id < 20_000; id++) yield { id, note: `n${id}`, price: '1.5' };
    })();
    const { Readable } = await import('node:stream');
    await zipped.insert({ table: name, values: Readable.from(values), format: 'JSONEachRow' });
    let seen = 0;
    const result = await zipped.query({ query: `SELECT * FROM ${name}`, format: 'JSONEachRow' });
    for await (const some of result.stream()) seen += some.length;
    expect(seen).toBe(20_000);
    await zipped.close();
  });

  test('a slow query holds up nobody, and a reader who leaves is let go', async () => {
    const slow = client.query({ query: 'SELECT sleep(1.5)', format: 'TabSeparated' });
    const begun = performance.now();
    for (let i = 0; i < 10; i++) expect(await text('SELECT 1')).toBe('1\n');
    expect(performance.now() - begun).toBeLessThan(1_200);
    const leave = new AbortController();
    const endless = await client.query({
      query: 'SELECT number FROM system.numbers',
      format: 'TabSeparated',
      abort_signal: leave.signal,
    });
    leave.abort();
    endless.close();
    await (await slow).text();
    expect(await text('SELECT 1')).toBe('1\n');
  });
});

describe('endings', () => {
  test.each(['SIGTERM', 'SIGKILL'] as const)('what was answered survives %s', async (signal) => {
    const name = await table();
    await post(`INSERT INTO ${name} FORMAT CSV`, '1,"here",2\n');
    const code = await front.end(signal);
    expect(code).toBe(signal === 'SIGTERM' ? 0 : null);
    await client.close();
    front = await startFront(folder);
    client = connect();
    expect(await text(`SELECT note FROM ${name}`)).toBe('here\n');
  });
});
