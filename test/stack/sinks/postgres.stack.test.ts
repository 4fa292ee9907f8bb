import { randomBytes } from 'node:crypto';
import databases, { sql } from '@databases/pg';
import { expect, test } from 'vitest';
import { governedColumns } from '../../../contracts/contract.ts';
import type { TableContract } from '../../../contracts/contract.ts';
import { mirror as openMirror, type MirrorOptions } from '../../../sinks/postgres.ts';
import { changesOf, contractOf } from '../../sinks/changes.ts';
import { sinkContract } from '../../sinks/sink-contract.ts';
import type { Harness } from '../../sinks/sink-contract.ts';
import { takingChanges } from '../../sinks/taking-changes.ts';
import type { TextRow } from '../../sinks/values.ts';
import { servers } from '../servers.ts';

/** A mirror that takes changes as tests make them. */
const mirror = async (options: MirrorOptions) =>
  takingChanges(options.contracts, await openMirror(options));

async function freshDatabase() {
  const { postgres: server } = await servers();
  const database = `test_${randomBytes(6).toString('hex')}`;
  const admin = databases.default({ ...server, database: 'postgres', bigIntMode: 'string' });
  await admin.query(sql`CREATE DATABASE ${sql.ident(database)}`);
  const db = databases.default({ ...server, database, bigIntMode: 'string', onError: () => {} });
  const at = { ...server, database };
  const close = async () => {
    await db.dispose();
    await admin.query(sql`DROP DATABASE ${sql.ident(database)} WITH (FORCE)`);
    await admin.dispose();
  };
  return { at, db, [Symbol.asyncDispose]: close };
}

async function start(settings: Pick<MirrorOptions, 'fewestCopied'>): Promise<Harness> {
  const { at, db, ...fresh } = await freshDatabase();
  const rows = async (contract: TableContract): Promise<readonly TextRow[]> => {
    const columns = governedColumns(contract).map(
      ({ name }) => sql`${sql.ident(name)}::text AS ${sql.ident(name)}`,
    );
    const [schema, table] = contract.table.split('.');
    return db.tx(async (tx) => {
      await tx.query(sql`SET LOCAL TIME ZONE 'UTC'`);
      return tx.query(sql`SELECT ${sql.join(columns, ', ')} FROM ${sql.ident(schema, table)}`);
    });
  };
  return {
    open: (contracts) => mirror({ ...at, ...settings, contracts }),
    rows,
    poison: async () => ({ id: 2n, name: 'bad', n: 'secret-value' }),
    needsBase: true,
    close: () => fresh[Symbol.asyncDispose](),
  };
}

sinkContract('Postgres', () => start({ fewestCopied: Infinity }));
sinkContract('Postgres by COPY', () => start({ fewestCopied: 1 }));

const orders = contractOf('shop.orders', { id: 'bigint', note: 'text' });
const change = changesOf(orders);

test('the mirror keeps data, tombstones and offsets in one transaction, by lane', async () => {
  await using fresh = await freshDatabase();
  await using sink = await mirror({ ...fresh.at, contracts: [orders] });
  await sink.write([
    change.insert(0x16_b374_d848, { id: 1n, note: 'a' }),
    { ...change.delete(0x16_b374_d849, { id: 2n }), lane: 7 },
  ]);
  expect(
    await fresh.db.query(sql`SELECT stream, lsn, position FROM cdc_offsets ORDER BY 1`),
  ).toEqual([
    {
      stream: 'shop.orders/0',
      lsn: '16/B374D848',
      position: '00000001/00000016b374d848/00000000/00000000',
    },
    {
      stream: 'shop.orders/7',
      lsn: '16/B374D849',
      position: '00000001/00000016b374d849/00000000/00000000',
    },
  ]);
  const graves = await fresh.db.query(
    sql`SELECT pk, (extract(epoch FROM ts) * 1000000)::bigint::text AS us, position FROM cdc_dedupe`,
  );
  expect(graves).toEqual([
    {
      pk: 'shop.orders{"id":2}',
      us: '1795237200123456',
      position: '00000001/00000016b374d849/00000000/00000000',
    },
  ]);

  await fresh.db.query(sql`ALTER TABLE shop.orders ADD CHECK (note <> 'secret-value')`);
  const rejected = sink.write([
    change.delete(0x16_b374_d850, { id: 1n }),
    change.insert(0x16_b374_d851, { id: 3n, note: 'secret-value' }),
  ]);
  await expect(rejected).rejects.toThrow(
    /^table shop\.orders: SQLSTATE 23514 \(constraint orders_note_check\)$/,
  );
  const [{ offsets, tombstones }] = await fresh.db.query(
    sql`SELECT (SELECT max(lsn) FROM cdc_offsets) AS offsets, (SELECT count(*)::int FROM cdc_dedupe) AS tombstones`,
  );
  expect({ offsets, tombstones }).toEqual({ offsets: '16/B374D849', tombstones: 1 });
});

test('workers that open an empty mirror together do not trip over each other', async () => {
  await using fresh = await freshDatabase();
  const sinks = await Promise.all(
    [1, 2, 3].map(() => mirror({ ...fresh.at, contracts: [orders] })),
  );
  for (const sink of sinks) await sink[Symbol.asyncDispose]();
});

test('a mirror that is opened beside a writer whose locks cross its own is opened, and the writer goes on', async () => {
  await using fresh = await freshDatabase();
  const open = () => mirror({ ...fresh.at, contracts: [orders] });
  await (await open())[Symbol.asyncDispose]();
  await fresh.db.query(sql`ALTER TABLE cdc_offsets DROP COLUMN record_offset`); // As it was before: there is something to alter.
  const waiting = sql`SELECT 1 FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%cdc_offsets%'`;
  const { opening } = await fresh.db.tx(async (tx) => {
    await tx.query(sql`SET LOCAL deadlock_timeout = '1h'`); // Who opens is to be the one that is told.
    await tx.query(sql`LOCK TABLE cdc_offsets IN ROW EXCLUSIVE MODE`);
    const opening = open();
    await expect.poll(() => fresh.db.query(waiting)).toHaveLength(1);
    await tx.query(sql`SELECT count(*)::text FROM cdc_dedupe`);
    return { opening };
  });
  await using sink = await opening;
  await sink.write([change.insert(1, { id: 1n, note: 'a' })]);
});

test.each([
  ['changes', Infinity],
  ['copied rows', 1],
])(
  'a mirror whose connections are cut while it writes %s is an outage, and is written to again afterwards',
  async (_, fewestCopied) => {
    await using fresh = await freshDatabase();
    await using sink = await mirror({ ...fresh.at, contracts: [orders], fewestCopied });
    await sink.write([change.insert(1, { id: 1n, note: 'a' })]);
    const cut = () =>
      fresh.db.query(
        sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'conductor' AND datname = current_database()`,
      );
    await fresh.db.tx(async (tx) => {
      await tx.query(sql`LOCK TABLE shop.orders`);
      const write = sink
        .write([change.insert(2, { id: 2n, note: 'b' })])
        .catch((error: unknown) => error);
      await expect
        .poll(async () => {
          const [{ n }] = await fresh.db.query(
            sql`SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'conductor' AND wait_event_type = 'Lock' AND datname = current_database()`,
          );
          return n;
        })
        .toBe(1);
      await cut();
      expect(await write).toMatchObject({ code: '57P01' });
    });
    await sink.write([change.insert(2, { id: 2n, note: 'b' })]);
    const [{ n }] = await fresh.db.query(sql`SELECT count(*)::int AS n FROM shop.orders`);
    expect(n).toBe(2);
  },
);

test('a mirror that cannot be opened says what, where and the fix', async () => {
  await using fresh = await freshDatabase();
  const open = (at: object) => mirror({ ...fresh.at, contracts: [orders], ...at });
  const said = (at: object) => open(at).then(String, (error: unknown) => String(error));
  const [wrongPassword, wrongPort, wrongName] = await Promise.all([
    said({ password: 'hunter2' }),
    said({ port: 1 }),
    said({ database: 'nowhere' }),
  ]);
  expect(wrongPassword).toMatch(
    /cannot open the Postgres mirror .*password authentication failed.*\n.*\n {2}fix: {3}correct the user and password/,
  );
  expect(wrongPort).toMatch(/:1 as .*ECONNREFUSED.*\n.*\n {2}fix: {3}start the server/);
  expect(wrongName).toMatch(/fix: {3}CREATE DATABASE "nowhere"/);

  const user = `reader_${fresh.at.database}`;
  await fresh.db.query(sql`CREATE ROLE ${sql.ident(user)} LOGIN PASSWORD 'pw'`);
  await expect(open({ user, password: 'pw' })).rejects.toThrow(
    /permission denied.*\n.*\n.*GRANT CREATE/,
  );
  await fresh.db.query(sql`DROP ROLE ${sql.ident(user)}`);
});

test('of each lane the greatest offset that was written is kept, whatever came after it', async () => {
  await using fresh = await freshDatabase();
  await fresh.db.query(sql`CREATE TABLE cdc_offsets (
    stream TEXT PRIMARY KEY, lsn TEXT NOT NULL, updated_at TIMESTAMPTZ DEFAULT now())`); // As it once was.
  const offsets = async () => {
    const found = await fresh.db.query(
      sql`SELECT stream, record_offset, lsn FROM cdc_offsets ORDER BY stream`,
    );
    return found.map(Object.values);
  };
  for (const fewestCopied of [Infinity, 1]) {
    await using sink = await mirror({ ...fresh.at, contracts: [orders], fewestCopied });
    const at = fewestCopied === 1 ? 40 : 20; // An offset is sixteen times its position here.
    await sink.write([
      change.insert(at, { id: 1n, note: 'a' }),
      { ...change.insert(at + 2, { id: 2n, note: 'a' }), lane: 7 },
      change.insert(at + 1, { id: 3n, note: 'a' }),
    ]);
    const reached = [
      ['shop.orders/0', `${(at + 1) * 16}`, `0/${(at + 1).toString(16).toUpperCase()}`],
      ['shop.orders/7', `${(at + 2) * 16}`, `0/${(at + 2).toString(16).toUpperCase()}`],
    ];
    expect(await offsets()).toEqual(reached);
    await sink.write([change.insert(at - 10, { id: 1n, note: 'late' })]);
    expect(await offsets()).toEqual(reached);
  }
});

test('who may not make temporary tables has a mirror all the same', async () => {
  await using fresh = await freshDatabase();
  const user = `plain_${fresh.at.database}`;
  const { database } = fresh.at;
  await fresh.db.query([
    sql`CREATE ROLE ${sql.ident(user)} LOGIN PASSWORD 'pw'`,
    sql`GRANT CREATE ON DATABASE ${sql.ident(database)} TO ${sql.ident(user)}`,
    sql`GRANT USAGE, CREATE ON SCHEMA public TO ${sql.ident(user)}`,
    sql`REVOKE TEMPORARY ON DATABASE ${sql.ident(database)} FROM PUBLIC`,
  ]);
  try {
    const at = { ...fresh.at, user, password: 'pw', contracts: [orders], fewestCopied: 1 };
    await using sink = await mirror(at);
    await sink.write([change.insert(1, { id: 1n, note: 'a' })]);
    await sink.write([change.insert(2, { id: 2n, note: 'b' })]);
    expect(await fresh.db.query(sql`SELECT note FROM shop.orders ORDER BY id`)).toEqual([
      { note: 'a' },
      { note: 'b' },
    ]);
  } finally {
    await fresh.db.query([
      sql`DROP OWNED BY ${sql.ident(user)} CASCADE`,
      sql`DROP ROLE ${sql.ident(user)}`,
    ]);
  }
});

test('tables that were made for forms of before are given up now and then, and rows go on being copied', async () => {
  const contracts = Array.from({ length: 70 }, (_, n) =>
    contractOf(`public.many_${n}`, { id: 'bigint', note: 'text' }),
  );
  await using fresh = await freshDatabase();
  await using sink = await mirror({ ...fresh.at, contracts, fewestCopied: 1 });
  for (const round of [1, 2])
    for (const contract of contracts)
      await sink.write([changesOf(contract).insert(round, { id: BigInt(round), note: 'a' })]);
  const [{ staging }] = await fresh.db.query(
    sql`SELECT count(*)::int AS staging FROM pg_class WHERE relname LIKE 'conductor_staging_%'`,
  );
  expect(staging).toBeGreaterThan(0);
  expect(staging).toBeLessThanOrEqual(64);
  for (const { table } of contracts) {
    const [{ n }] = await fresh.db.query(
      sql`SELECT count(*)::int AS n FROM ${sql.ident(...table.split('.'))}`,
    );
    expect(n).toBe(2);
  }
});
