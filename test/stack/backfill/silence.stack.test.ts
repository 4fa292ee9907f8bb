import { sql } from '@databases/pg';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import {
  copyClient,
  type CopyGulp,
  copyOut,
  cutOff,
} from '../../../pipelines/backfill/copy-out.ts';
import { keep, type TestTable } from '../way/tables.ts';
import { type Proxy, proxyTo } from '../way/proxy.ts';
import { openWay, type Way } from '../way/way.ts';

const lookMs = 50;
const everything = 'SELECT * FROM long';
const patiently = { timeout: 30_000, interval: 20 };

/** More than all buffers between a server and us. */
const long: TestTable = {
  name: 'long',
  tenant: null,
  subject: null,
  relationships: [],
  ddl: [
    'CREATE TABLE long (id integer PRIMARY KEY, content text)',
    `INSERT INTO long SELECT g, repeat('x', 1000) FROM generate_series(1, 40000) g`,
  ],
  columns: [keep('id', 'integer', { keyPosition: 1 }), keep('content', 'text')],
};

let way: Way;
let proxy: Proxy;
let isLosing = false; // What the server says goes to nobody.
let holder: pg.Client; // Holds the table locked.
const clients: pg.Client[] = [];

beforeAll(async () => {
  way = await openWay([long]);
  proxy = await proxyTo(way.stack.postgres.host, way.stack.postgres.port, (chunk) =>
    isLosing ? chunk.subarray(0, 0) : chunk,
  );
  holder = new pg.Client({ connectionString: way.urls.source });
  await holder.connect();
});

afterEach(async () => {
  await holder.query('ROLLBACK');
  for (const client of clients.splice(0)) cutOff(client);
});

afterAll(async () => {
  await holder?.end();
  await proxy?.[Symbol.asyncDispose]();
  await way?.[Symbol.asyncDispose]();
});

async function connected(): Promise<pg.Client> {
  const url = way.urls.source.replace(/:\d+(?=\/)/, `:${proxy.port}`);
  const client = await copyClient(url, 0, lookMs);
  clients.push(client);
  return client;
}

async function locked(): Promise<void> {
  await holder.query('BEGIN');
  await holder.query('LOCK TABLE long IN ACCESS EXCLUSIVE MODE');
}

/** Resolves once it was asked so often what becomes of a connection: each time over one of its own. */
async function looked(count: number): Promise<void> {
  const before = await sessions();
  await vi.waitFor(
    async () => expect(await sessions()).toBeGreaterThanOrEqual(before + count),
    patiently,
  );
}

/** That were ever begun in this database. */
async function sessions(): Promise<number> {
  const [{ count }] = (await way.source.query(
    sql`SELECT sessions::float8 AS count FROM pg_stat_database WHERE datname = current_database()`,
  )) as [{ readonly count: number }];
  return count;
}

/** Resolves once the other end of a connection has come so far. */
async function comesTo(client: pg.Client, where: Readonly<Record<string, string>>): Promise<void> {
  const { processID } = client as unknown as { readonly processID: number };
  await vi.waitFor(async () => {
    const [row] = await way.source.query(
      sql`SELECT query, state, wait_event FROM pg_stat_activity WHERE pid = ${processID}`,
    );
    expect(row).toMatchObject(where);
  }, patiently);
}

const copied = async (client: pg.Client): Promise<number> => {
  let bytes = 0;
  for await (const { chunks, release } of copyOut(client, 'COPY long TO STDOUT')) {
    bytes += Buffer.concat(chunks).length;
    release();
  }
  return bytes;
};

const counted = async (client: pg.Client): Promise<number> =>
  (await client.query(everything)).rows.length;

test('whoever waits for a lock is waited for, in a question and in a copy', async () => {
  for (const ask of [counted, copied]) {
    const client = await connected();
    await locked();
    const answer = ask(client);
    await looked(5);
    await holder.query('ROLLBACK');
    expect(await answer).toBeGreaterThan(0);
  }
});

test('an answer that goes to nobody is not waited for, in a question and in a copy', async () => {
  for (const ask of [counted, copied]) {
    const client = await connected();
    await locked();
    const refused = expect(ask(client)).rejects.toThrow(/does not work on what it was asked/);
    await looked(2);
    proxy.halfOpen('client');
    await holder.query('ROLLBACK');
    await refused;
  }
});

test('a server that has answered is not waited for if its answer does not come', async () => {
  const client = await connected();
  isLosing = true;
  const refused = expect(counted(client)).rejects.toThrow(/does not work on what it was asked/);
  await comesTo(client, { query: everything, state: 'idle' });
  isLosing = false;
  await refused;
});

test('a copy that waits to be used is no silence, nor is a connection over which nothing is asked', async () => {
  const idle = await connected();
  const full = await connected();
  const waiting: CopyGulp[] = [];
  const gulps = copyOut(full, 'COPY long TO STDOUT')[Symbol.asyncIterator]();
  const rest = (async () => {
    for (;;) {
      const { value, done } = await gulps.next();
      if (done) return;
      waiting.push(value);
    }
  })();
  await comesTo(full, { wait_event: 'ClientWrite' });
  await holder.query('SELECT pg_advisory_lock(1)');
  const other = await connected(); // So long as it is looked after, so are those.
  const answer = other.query('SELECT pg_advisory_lock(1)');
  await looked(5);
  await holder.query('SELECT pg_advisory_unlock(1)');
  await answer;

  expect(await counted(idle)).toBeGreaterThan(0);
  let bytes = 0;
  const used = setInterval(() => {
    for (const { chunks, release } of waiting.splice(0)) {
      for (const chunk of chunks) bytes += chunk.length;
      release();
    }
  });
  await rest;
  clearInterval(used);
  expect(bytes).toBeGreaterThan(20_000_000);
});
