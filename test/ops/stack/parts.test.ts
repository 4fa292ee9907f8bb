import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { table } from '../../../ops/commands/stack.ts';
import { authenticate } from '../../../ops/stack/clickhouse-front/credentials.ts';
import { complain } from '../../../ops/stack/clickhouse-front/errors.ts';
import { brokersIn, metadataRequest } from '../../../ops/stack/kafka-probe.ts';
import { properties } from '../../../ops/stack/kafka-part.ts';
import { configuration } from '../../../ops/stack/neo4j-part.ts';
import { freePorts, isFree } from '../../../ops/stack/ports.ts';
import { newRecord, withPart } from '../../../ops/stack/record.ts';
import { pickAccount } from '../../../ops/stack/service-account.ts';

const ports = { postgres: [1], kafka: [2, 3], registry: [4], neo4j: [5], clickhouse: [6] };

test('addresses follow the ports, passwords do not', () => {
  const record = newRecord(ports);
  expect(record.stack.kafka.brokers).toEqual(['127.0.0.1:2']);
  const moved = withPart(record, 'postgres', { ports: [9], process: null });
  expect(moved.stack).toEqual({ ...record.stack, postgres: { ...record.stack.postgres, port: 9 } });
  const secrets = [moved.stack.postgres, moved.stack.neo4j, moved.stack.clickhouse];
  expect(new Set(secrets.map(({ password }) => password)).size).toBe(3);
});

test('finds ports that are free, and says which are not', async () => {
  const [port] = await freePorts(1, new Set());
  expect(await isFree(port!)).toBe(true);
  const server = createServer().listen(port, '127.0.0.1');
  expect(await isFree(port!)).toBe(false);
  server.close();
});

test('servers listen on this machine only, and create nothing by accident', () => {
  expect(properties('/d', [2, 3])).toContain('auto.create.topics.enable=false\n');
  for (const config of [properties('/d', [2, 3]), configuration(5)]) {
    expect(config).not.toMatch(/0\.0\.0\.0|\/\/:/);
  }
});

test('runs as postgres, else as nobody, never as root', () => {
  const nobody = 'nobody:x:65534:65533:::';
  expect(pickAccount(`root:x:0:0:::\n${nobody}\npostgres:x:7:8:::`)).toEqual({ uid: 7, gid: 8 });
  expect(pickAccount(`root:x:0:0:::\n${nobody}`)).toEqual({ uid: 65534, gid: 65533 });
  expect(pickAccount('root:x:0:0:::\npostgres:x:0:0:::')).toBeNull();
});

test('asks a broker for its metadata, and counts the brokers it names', () => {
  expect(metadataRequest().readInt32BE(0)).toBe(metadataRequest().length - 4);
  const answer = Buffer.alloc(12);
  answer.writeInt32BE(7, 4);
  answer.writeInt32BE(1, 8);
  expect(brokersIn(answer)).toBe(1);
  expect(brokersIn(answer.subarray(0, 11))).toBeNull();
  expect(() => brokersIn(Buffer.alloc(12))).toThrow('somebody else');
});

test('tells an error with its code and status', () => {
  const engine = new Error('Code: 60. DB::Exception: no such table. (UNKNOWN_TABLE)');
  expect(complain(engine)).toMatchObject({ code: 60, status: 404, text: engine.message });
  expect(complain('odd')).toMatchObject({ code: 1002, status: 500 });
});

test('a wrong password is refused wherever it stands, before a right one elsewhere', () => {
  const account = { user: 'default', password: 'right' };
  const url = new URLSearchParams({ user: 'default', password: 'right' });
  expect(() => authenticate({}, url, account)).not.toThrow();
  expect(() => authenticate({ 'x-clickhouse-key': 'wrong' }, url, account)).toThrow('Code: 516');
});

test('lays the status out in columns', () => {
  const lines = table([
    { part: 'kafka', state: 'running', pid: 12, port: 34, memoryMb: 56 },
    { part: 'neo4j', state: 'stopped', pid: null, port: null, memoryMb: null },
  ]).split('\n');
  expect(lines[1]).toMatch(/^kafka +running +12 +34 +56 MB$/);
  expect(lines[2]).toMatch(/^neo4j +stopped +- +- +-$/);
});
