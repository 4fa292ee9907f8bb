import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from '@databases/pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Sender } from '../../../pipelines/wal/sender.ts';
import { byOffset, changesOf } from '../backfill/folded.ts';
import { events } from '../backfill/tables.ts';
import { truthOf } from '../capture/truth.ts';
import { servers } from '../servers.ts';
import { keep, type TestTable } from '../way/tables.ts';
import { openWay } from '../way/way.ts';
import { certificates, hasOpenssl } from './certificates.ts';
import { type OwnPostgres, ownPostgres, run } from './own-postgres.ts';
import { Stream } from './prepared.ts';

const rows: TestTable = {
  name: 'rows',
  tenant: null,
  subject: null,
  relationships: [],
  ddl: ['CREATE TABLE rows (id int PRIMARY KEY, content text)'],
  columns: [keep('id', 'integer', { keyPosition: 1 }), keep('content', 'text')],
};

// Logical replication is of a database: the word `replication` in pg_hba.conf is not about it.
const hba = `
hostssl all guest    127.0.0.1/32 scram-sha-256
hostssl all guest    ::1/128      scram-sha-256
hostssl all holder   127.0.0.1/32 cert
hostssl all holder   ::1/128      cert
host    all postgres 127.0.0.1/32 scram-sha-256
`;

describe.skipIf(!hasOpenssl)('a source that lets the guest in by TLS and SCRAM only', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tls-'));
  let server: OwnPostgres;
  let authority: string;

  beforeAll(async () => {
    const made = certificates(folder);
    authority = made.authority;
    server = await ownPostgres({
      settings: { ssl: 'on', ssl_ca_file: 'root.crt' },
      files: {
        'root.crt': made['root.crt'],
        'server.crt': made['server.crt'],
        'server.key': made['server.key'],
        'pg_hba.conf': hba,
      },
    });
    await run(
      server.db(),
      'CREATE TABLE things (id int PRIMARY KEY)',
      "CREATE ROLE guest LOGIN REPLICATION PASSWORD 'secret'",
      'GRANT SELECT ON things TO guest',
      'CREATE PUBLICATION guests FOR TABLE things',
      'CREATE ROLE holder LOGIN REPLICATION',
    );
  });

  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  const url = (query: string, { host = 'localhost', password = 'secret' } = {}) =>
    server.url('postgres', `guest:${password}`, query).replace('127.0.0.1', host);
  const withAuthority = (query: string) => query.replace('AUTHORITY', authority);
  const verified = '?sslmode=verify-full&sslrootcert=AUTHORITY';

  test('the password is kept as SCRAM, so no other form of it can be asked for', async () => {
    const [role] = await server
      .db()
      .query(sql`SELECT rolpassword FROM pg_authid WHERE rolname = 'guest'`);
    expect(role.rolpassword).toMatch(/^SCRAM-SHA-256\$/);
  });

  test.for([
    ['a verified server', verified],
    ['a server of an authority, whatever its name', verified.replace('full', 'ca')],
    ['any server', '?sslmode=require'],
  ] as const)('%s is prepared, and both connections are encrypted', async ([, query]) => {
    const prepared = await new Stream({ url: url(withAuthority(query)) }).prepare();
    expect(prepared.created).toBe(true);
    await using sender = await Sender.connect(url(withAuthority(query)));
    expect(await sender.ask('IDENTIFY_SYSTEM')).toHaveLength(1);
    const [session] = await server.db().query(sql`
      SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE backend_type = 'walsender'`);
    expect(session).toEqual({ ssl: true });
    await run(server.db(), "SELECT pg_drop_replication_slot('guest')");
  });

  test('it is copied and streamed from, every change once, and only over TLS', async () => {
    const { hostname, port, username: user, password } = new URL(server.url());
    const shared = await servers();
    const own = { ...shared.postgres, host: hostname, port: Number(port), user, password };
    await using way = await openWay([rows], { postgres: own });
    await run(
      way.source,
      `GRANT CONNECT, CREATE ON DATABASE ${way.name} TO guest`,
      `GRANT USAGE ON SCHEMA ${way.name} TO guest`,
      'GRANT SELECT ON rows TO guest',
      `CREATE PUBLICATION ${way.name} FOR TABLE rows`,
      'INSERT INTO rows SELECT n, md5(n::text) FROM generate_series(1, 1000) AS n',
    );
    const file = await way.variant(({ source }) => {
      source['url'] = server
        .url(way.name, 'guest:secret', withAuthority(verified))
        .replace('127.0.0.1', 'localhost');
    });
    const drain = async () => {
      const ended = await way.start(['run', 'capture', '--until-current'], file).ended;
      expect(ended.code, ended.stderr).toBe(0);
    };
    await drain();
    await run(
      way.source,
      'INSERT INTO rows SELECT n, md5(n::text) FROM generate_series(1001, 8000) AS n',
      'UPDATE rows SET content = repeat(content, 4000) WHERE id % 1000 = 0',
      'DELETE FROM rows WHERE id % 7 = 0',
    );
    await drain();
    const { faults, once } = await truthOf(way);
    expect(faults).toEqual([]);
    expect(once.length).toBe(1_000 + 7_000 + 8 + 1_142);
  });

  const refusals = [
    ['no TLS at all', '', {}, /no encryption/, /sslmode=verify-full/],
    ['an authority that is not known', '?sslmode=verify-full', {}, /over TLS/, /sslrootcert=/],
    [
      'a host that the certificate does not name',
      verified,
      { host: '127.0.0.1' },
      /over TLS/,
      /host by the name/,
    ],
    ['a wrong password', verified, { password: 'wrong' }, /refused the login/, /user and password/],
  ] as const;

  test.for(refusals)(
    '%s is refused by both connections, with the fix',
    async ([, query, how, says, fix]) => {
      const address = url(withAuthority(query), how);
      const refused = new Stream({ url: address }).prepare();
      await expect(refused).rejects.toThrow(says);
      await expect(refused).rejects.toThrow(fix);
      await expect(refused).rejects.not.toThrow(/secret|wrong/);
      await expect(Sender.connect(address)).rejects.toThrow();
    },
  );

  test('a first copy and the stream come over TLS that is verified from both sides', async () => {
    const { username: user, password, port } = new URL(server.url());
    const host = '127.0.0.1';
    await using way = await openWay([events], { postgres: { host, port: +port, user, password } });
    await run(
      way.source,
      `GRANT USAGE ON SCHEMA ${way.name} TO holder`,
      `GRANT SELECT ON events TO holder`,
      `CREATE PUBLICATION ${way.name} FOR TABLE events WITH (publish_via_partition_root = true)`,
      'INSERT INTO events SELECT n, n % 4, n FROM generate_series(1, 100) n',
    );
    const own = `sslcert=${join(folder, 'holder.pem')}&sslkey=${join(folder, 'holder.key')}`;
    const address = server
      .url(way.name, 'holder', `${withAuthority(verified)}&${own}`)
      .replace(host, 'localhost');
    const file = await way.variant(({ source }) => void (source['url'] = address));
    const worker = way.start(['run', 'capture'], file);
    await worker.running();
    await run(way.source, 'INSERT INTO events SELECT n, n % 4, n FROM generate_series(101, 200) n');
    // What is inserted while it is copied may come both ways.
    const there = async () => byOffset(await changesOf(way, 'events')).size;
    await vi.waitFor(async () => expect(await there()).toBe(200), {
      timeout: 20_000,
      interval: 100,
    });
    const sessions = await server.db().query(sql`
      SELECT DISTINCT ssl, client_dn FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
      WHERE usename = 'holder'`);
    expect(sessions).toEqual([{ ssl: true, client_dn: '/CN=holder' }]);

    const without = new Stream({ url: address.replace(`&${own}`, '') }).prepare();
    await expect(without).rejects.toThrow(/sslcert/);
  });
});
