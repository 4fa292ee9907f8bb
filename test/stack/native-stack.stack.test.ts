import { access, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import databases from '@databases/pg';
import { createClient } from '@clickhouse/client';
import neo4j from 'neo4j-driver';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nativeStack } from '../../ops/stack/native.ts';
import { isAlive } from '../../ops/stack/process-identity.ts';
import { readRecord } from '../../ops/stack/record.ts';
import { outsideOf } from '../../ops/stack/service-account.ts';
import type { Part, Provider, Stack } from '../../ops/stack/stack.ts';

let home: string;
let provider: Provider;
let stack: Stack;
const said: string[] = [];
const report = (line: string) => void said.push(line);

beforeAll(async () => {
  home = join(await mkdtemp(join(tmpdir(), 'stack-')), 'home');
  provider = nativeStack(home);
  // Two at once: the second finds everything done.
  const [first, second] = await Promise.all([provider.up(report), provider.up(report)]);
  expect(second).toEqual(first);
  stack = first;
  await postgres((sql, query) => query(sql`CREATE TABLE kept AS SELECT 1 AS x`));
  await clickhouse('CREATE TABLE kept ENGINE = MergeTree ORDER BY x AS SELECT 1 AS x');
  await graph('CREATE (:Kept {x: 1})');
  await subjects('POST', '/kept-value/versions', { schema: '"string"' });
});

afterAll(async () => {
  await provider.down({ wipe: true });
  await rm(join(home, '..'), { recursive: true, force: true });
});

async function postgres<T>(
  work: (
    sql: typeof databases.sql,
    query: (statement: databases.SQLQuery) => Promise<unknown>,
  ) => Promise<T>,
): Promise<T> {
  const { user, password, host, port } = stack.postgres;
  const pool = databases.default({
    connectionString: `postgres://${user}:${password}@${host}:${port}/postgres?sslmode=disable`,
    bigIntMode: 'bigint',
  });
  try {
    return await work(databases.sql, (statement) => pool.query(statement));
  } finally {
    await pool.dispose();
  }
}

async function clickhouse(query: string): Promise<string> {
  const { url, user: username, password } = stack.clickhouse;
  const client = createClient({ url, username, password });
  const result = await client.exec({ query });
  const text = (await result.stream.toArray()).join('');
  await client.close();
  return text;
}

async function graph(query: string): Promise<number> {
  const { url, user, password } = stack.neo4j;
  const driver = neo4j.driver(url, neo4j.auth.basic(user, password));
  const { records } = await driver.executeQuery(query);
  await driver.close();
  return records.length;
}

async function subjects(method: string, path: string, body?: object): Promise<unknown> {
  const response = await fetch(`${stack.registry.url}/subjects${path}`, {
    method,
    headers: { 'Content-Type': 'application/vnd.schemaregistry.v1+json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  return response.json();
}

async function everythingIsKept(): Promise<void> {
  expect(await postgres((sql, query) => query(sql`SELECT x FROM kept`))).toEqual([{ x: 1 }]);
  expect(await clickhouse('SELECT x FROM kept')).toBe('1\n');
  expect(await graph('MATCH (k:Kept) RETURN k')).toBe(1);
  expect(await subjects('GET', '')).toEqual(['kept-value']);
}

const pids = async () =>
  new Map((await provider.status()).map(({ part, pid }) => [part, pid] as const));

async function killHard(part: Part): Promise<void> {
  const identity = (await readRecord(join(home, 'stack.json')))!.parts[part].process!;
  process.kill(identity.pid, 'SIGKILL');
  await expect.poll(() => isAlive(identity), { timeout: 5_000 }).toBe(false);
}

test('runs PostgreSQL as capture needs it', async () => {
  const settings = await postgres((sql, query) =>
    query(sql`
      SELECT name, setting FROM pg_settings
      WHERE name IN ('wal_level', 'max_replication_slots', 'max_prepared_transactions')
      ORDER BY name`),
  );
  expect(settings).toEqual([
    { name: 'max_prepared_transactions', setting: '20' },
    { name: 'max_replication_slots', setting: '50' },
    { name: 'wal_level', setting: 'logical' },
  ]);
});

test('knows every part, and keeps its passwords to its owner', async () => {
  for (const status of await provider.status()) {
    expect(status).toMatchObject({ state: 'running', memoryMb: expect.any(Number) });
    await access(join(home, 'logs', `${status.part}.log`));
  }
  expect((await stat(join(home, 'stack.json'))).mode & 0o777).toBe(0o600);
  expect(JSON.parse(await readFile(join(home, 'stack.json'), 'utf8')).stack).toEqual(stack);
});

test('leaves alone what runs', async () => {
  const before = await pids();
  expect(await provider.up(report)).toEqual(stack);
  expect(await pids()).toEqual(before);
});

test('heals what was killed, on its port, with its data', async () => {
  const before = await pids();
  await killHard('postgres');
  await killHard('clickhouse');
  const dead = (await provider.status()).filter(({ state }) => state === 'dead');
  expect(dead.map(({ part }) => part)).toEqual(['postgres', 'clickhouse']);

  expect(await provider.up(report)).toEqual(stack);

  const after = await pids();
  for (const part of ['kafka', 'registry', 'neo4j'] as const) {
    expect(after.get(part)).toBe(before.get(part));
  }
  await everythingIsKept();
});

test('leaves no process behind and all data in place', async () => {
  const record = (await readRecord(join(home, 'stack.json')))!;
  const processes = Object.values(record.parts).map((part) => part.process!);
  await provider.down({ wipe: false });
  expect(await Promise.all(processes.map(isAlive))).toEqual(processes.map(() => false));
  expect((await provider.status()).every(({ state }) => state === 'stopped')).toBe(true);

  stack = await provider.up(report);
  await everythingIsKept();
});

test('wipes', async () => {
  await provider.down({ wipe: true });
  await expect(access(home)).rejects.toThrow('ENOENT');
  await expect(access(outsideOf(home))).rejects.toThrow('ENOENT');
});
