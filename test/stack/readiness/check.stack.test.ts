import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Finding } from '../../../ops/readiness/finding.ts';
import { run } from '../source/own-postgres.ts';
import { adminOf } from '../way/records.ts';
import { openWay, type Way } from '../way/way.ts';

let way: Way;

beforeAll(async () => {
  way = await openWay();
});

afterAll(() => way?.[Symbol.asyncDispose]());

async function check(file?: string) {
  const { code, stdout, stderr } = await way.start(['check', '--json'], file).ended;
  expect(stderr).toBe('');
  const told = JSON.parse(stdout) as {
    readonly ready: boolean;
    readonly failed: number;
    readonly warnings: number;
    readonly findings: readonly Finding[];
  };
  expect(code).toBe(told.ready ? 0 : 1);
  const of = (outcome: Finding['outcome']) =>
    told.findings.filter((finding) => finding.outcome === outcome);
  for (const secret of [way.stack.postgres.password, way.config.keyring.rootKey])
    expect(stdout).not.toContain(secret);
  return { ...told, failed: of('failed'), warnings: of('warning'), ok: of('ok') };
}

const whats = (findings: readonly Finding[]) =>
  findings.map(({ check: of, what }) => `${of}: ${what}`).join('\n');

const everything = [
  'configuration',
  'contracts',
  'policy',
  'source',
  'replication',
  'protocol',
  'wal_sender_timeout',
  'tls',
  'heartbeat',
  'tables',
  'select',
  'publication',
  'identity',
  'slot',
  'max_replication_slots',
  'max_wal_senders',
  'state',
  'brokers',
  'registry',
  'keyring',
  'mirror',
  'graph',
  'warehouse',
];

test('what is well is said to be, one thing after the other, and nothing is made', async () => {
  const { ready, failed, ok } = await check();
  expect(whats(failed)).toBe('');
  expect(ready).toBe(true);
  expect(ok.map(({ check: of }) => of)).toEqual(everything);
  expect(whats(ok)).toMatch(/^publication: .*marks.* will be published in w_/m);
  expect(whats(ok)).toMatch(/^slot: w_\w+ will be created/m);
  expect(whats(ok)).toMatch(/^brokers: .*of 13 topics \d+ will be made/m);

  expect(await way.source.query(sql`SELECT 1 FROM pg_publication`)).toEqual([]);
  expect(
    await way.source.query(sql`SELECT 1 FROM pg_replication_slots WHERE slot_name = ${way.name}`),
  ).toEqual([]);
  expect(
    await way.state.query(sql`SELECT 1 FROM pg_tables WHERE tablename = 'cdc_offsets'`),
  ).toEqual([]);
  await expect(access(join(way.folder, 'keyring'))).rejects.toThrow(/ENOENT/);
});

test('a person reads a line for each, and below what is not well where and how to mend it', async () => {
  const { code, stdout } = await way.start(['check']).ended;
  expect(code).toBe(0);
  expect(stdout).toMatch(/^ok +source +PostgreSQL 18\.\d+ as \w+$/m);
  expect(stdout).toMatch(
    /^warning +max_slot_wal_keep_size +without a limit.*\n +where: max_slot_wal_keep_size\n +fix: +ALTER SYSTEM SET max_slot_wal_keep_size/m,
  );
  expect(stdout).toMatch(/\n0 failed, \d+ warnings, \d+ ok\n$/);
});

test('a stream that goes on is told with its place and its WAL', async () => {
  await way.drain('capture');
  await way.commit("INSERT INTO people VALUES (1, 7, 1, 'n', 'e', 'p', 'm', 'b')");
  await way.drain('capture');
  const { ready, ok } = await check();
  expect(ready).toBe(true);
  expect(whats(ok)).toMatch(/^slot: w_\w+ goes on from [0-9A-F]+\/[0-9A-F]+; nobody reads it$/m);
  expect(whats(ok)).toMatch(/^publication: w_\w+ has all 3 tables$/m);
  expect(whats(ok)).toMatch(/^wal: \d+\.\d MB of WAL are kept$/m);
  expect(whats(ok)).toMatch(/^keyring: the root key opens /m);
});

test('all that is wrong is said at once, each with its fix', async () => {
  const role = `${way.name}_check`;
  await run(
    way.source,
    `CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'secret'`,
    `GRANT USAGE ON SCHEMA ${way.name} TO ${role}`,
    `GRANT SELECT ON marks, lines TO ${role}`,
    'ALTER TABLE marks ADD COLUMN extra text',
    'ALTER TABLE lines ENABLE ROW LEVEL SECURITY',
    `ALTER PUBLICATION ${way.name} DROP TABLE lines`,
    `ALTER PUBLICATION ${way.name} SET (publish = 'insert, update')`,
    `ALTER ROLE ${role} SET wal_sender_timeout = 0`,
    `SELECT pg_replication_slot_advance('${way.name}', pg_current_wal_lsn())`,
  );
  await using admin = await adminOf(way.stack);
  const topic = `gov.${way.name}.${way.name}.marks`;
  const configEntries = [
    { name: 'max.message.bytes', value: '1000000' },
    { name: 'retention.ms', value: '3600000' },
    { name: 'cleanup.policy', value: 'compact' },
  ];
  await admin.createTopics({ topics: [{ topic, numPartitions: 12, configEntries }] });
  const file = await way.variant((raw) => {
    raw.source['url'] = way.urls.source.replace(/\/\/[^@]+@/, `//${role}:secret@`);
    raw.kafka['partitions'] = 6;
    raw.registry['url'] = 'http://127.0.0.1:1';
    raw['keyring'] = { directory: 'keyring', rootKey: 'ab'.repeat(32) };
    raw.sinks.neo4j['password'] = 'wrong';
    raw.sinks.clickhouse['password'] = 'wrong';
    raw.sinks.postgres['url'] = `${way.urls.mirror}_absent`;
  });
  const { failed, warnings } = await check(file);
  const said = whats(failed);
  expect(said).toMatch(/^publication: role \w+ may not publish \w+\.lines$/m);
  expect(said).toMatch(/^publication: it leaves out deletes and truncates/m);
  expect(said).toMatch(/^slot: the slot was advanced to \S+ by something else/m);
  expect(said).toMatch(/^topics: .*cdc\.\S+\.marks.*: 12 partitions, not 6/m);
  expect(said).toMatch(
    /^topic gov\.\S+: it takes records of 1000000 bytes, and they may have \d+/m,
  );
  expect(said).toMatch(/^topic gov\.\S+: it is compacted/m);
  expect(said).toMatch(/^registry: the registry cannot be reached/m);
  expect(said).toMatch(/^keyring: the root key does not open/m);
  expect(said).toMatch(/^mirror: the database does not exist/m);
  expect(said).toMatch(/^graph: .*unauthorized/im);
  expect(said).toMatch(/^warehouse: .*password/im);
  const warned = whats(warnings);
  expect(warned).toMatch(/^tables: no contract names \w+\.marks\.extra/m);
  expect(warned).toMatch(/^select: role \w+ may not read it/m);
  expect(warned).toMatch(/^select: row security hides rows of it from role/m);
  expect(warned).toMatch(/^topic gov\.\S+: it forgets after 1 h, sooner than the 168 h/m);
  expect(warned).toMatch(/^wal_sender_timeout: the server never gives a silent worker up/m);
  for (const finding of [...failed, ...warnings])
    expect(finding).toMatchObject({
      where: expect.stringMatching(/./),
      fix: expect.stringMatching(/./),
    });
});

test('policies that are not there, or that know no purpose of govern’s, are said to fail', async () => {
  const absent = await way.variant((raw) => (raw['policy'] = { bundle: 'absent' }));
  expect(whats((await check(absent)).failed)).toContain('policy: it has no compiled policy');
  const fun = await way.variant((raw) => (raw['govern'] = { purpose: 'fun' }));
  expect(whats((await check(fun)).failed)).toMatch(/^policy: .*is fun among its purposes\?/m);
});

test('a server that does not answer keeps nobody else from being looked at', async () => {
  const file = await way.variant((raw) => {
    raw.source['url'] = 'postgres://nobody:secret@127.0.0.1:1/none';
    raw.state['url'] = 'postgres://nobody:secret@127.0.0.1:1/none';
    raw.kafka['brokers'] = ['127.0.0.1:1'];
  });
  const { failed, ok } = await check(file);
  expect(failed.map(({ check: of }) => of)).toEqual(['source', 'state', 'brokers']);
  expect(ok.map(({ check: of }) => of)).toContain('registry');
});

test('what would be held against contracts that cannot be read is not said to be well', async () => {
  const file = await way.variant((raw) => (raw['contracts'] = 'absent'));
  const { failed, warnings, ok } = await check(file);
  expect(failed.map(({ check: of }) => of)).toContain('contracts');
  const skipped = ['policy', 'tables', 'publication', 'topics'];
  expect(
    warnings.filter(({ what }) => what.startsWith('not looked at')).map(({ check: of }) => of),
  ).toEqual(skipped);
  expect(ok.map(({ check: of }) => of).filter((of) => skipped.includes(of))).toEqual([]);
  expect(ok.map(({ check: of }) => of)).toContain('source');
});

test('a configuration that cannot be read is the only thing to say', async () => {
  const { failed, findings } = await check(join(way.folder, 'absent.yaml'));
  expect(findings).toEqual(failed);
  expect(whats(failed)).toMatch(/^configuration: there is no configuration at/);
});
