import { expect, test } from 'vitest';
import type { Publication, Relation, Server } from '../../../ops/init/catalog.ts';
import { choose } from '../../../ops/init/choose.ts';
import { setupOf } from '../../../ops/init/setup.ts';
import { setupText } from '../../../ops/init/setup-text.ts';
import { column, relation, server } from './relations.ts';

const orders = relation('orders', [column('id')]);

function setup(change: Partial<Server> = {}, relations: readonly Relation[] = [orders]) {
  const of = { ...server, ...change };
  const made = setupOf(of, choose({ server: of, relations }, 'shop'), {
    name: 'shop',
    password: 'p',
  });
  return {
    ...made,
    sql: made.transaction.map((each) => each.sql.replaceAll(/\s+/g, ' ')),
    changed: made.settings.map((each) => each.sql),
  };
}

const setting = (value: string) => ({ value, waits: false, fixed: false });
const there = { ...server.role, exists: true, login: true, replicates: true };
const publication = (more: Partial<Publication>): Publication => ({
  name: 'conductor',
  allTables: false,
  viaRoot: true,
  tables: [],
  ...more,
});
const slot = (name: string, database = 'shop', plugin = 'pgoutput') => ({ name, database, plugin });

test('a server that lacks nothing is asked for a role, its grants and a publication', () => {
  const { sql, changed, restart, advice, slot: named } = setup();
  expect(sql).toEqual([
    expect.stringMatching(
      /^CREATE ROLE conductor LOGIN REPLICATION PASSWORD 'SCRAM-SHA-256\$4096:/,
    ),
    'GRANT CONNECT ON DATABASE shop TO conductor',
    'GRANT USAGE ON SCHEMA public TO conductor',
    'GRANT SELECT ON TABLE public.orders TO conductor',
    'CREATE PUBLICATION conductor FOR TABLE public.orders WITH (publish_via_partition_root = true)',
  ]);
  expect([changed, restart, advice, named]).toEqual([[], [], [], 'ig_slot']);
});

test('a role that is there gets only what it lacks', () => {
  const first = (change: Partial<Server>, tables?: readonly Relation[]) =>
    setup(change, tables).sql[0];
  expect(first({ role: there })).toMatch(/^GRANT CONNECT/);
  expect(first({ role: { ...there, replicates: false } })).toBe('ALTER ROLE conductor REPLICATION');
  const guarded = [{ ...orders, rowSecurity: true }];
  expect(first({ role: there }, guarded)).toBe('ALTER ROLE conductor BYPASSRLS');
  const managed = setup({ rds: true, role: { ...there, replicates: false } }).sql;
  expect(managed[0]).toBe('GRANT rds_replication TO conductor');
});

test('a publication that is there is extended if it is ours, and left alone if it is not', () => {
  const last = (...publications: readonly Publication[]) => setup({ publications }).sql.at(-1);
  expect(last(publication({}))).toBe('ALTER PUBLICATION conductor ADD TABLE public.orders');
  expect(last(publication({ tables: ['public.orders'] }))).toMatch(/^GRANT SELECT/);
  for (const other of [publication({ tables: ['public.x'] }), publication({ allTables: true })])
    expect(last(other)).toMatch(/^CREATE PUBLICATION conductor_2 /);
});

test('a slot of another database or plugin is left alone', () => {
  expect(setup({ slots: [slot('ig_slot')] }).slot).toBe('ig_slot');
  expect(setup({ slots: [slot('ig_slot', 'other')] }).slot).toBe('ig_slot_shop');
  const both = [slot('ig_slot', 'shop', 'wal2json'), slot('ig_slot_shop', 'other')];
  expect(setup({ slots: both }).slot).toBe('ig_slot_shop_2');
});

test('a table that others inherit from is published alone', () => {
  const { sql } = setup({}, [{ ...orders, hasChildren: true }]);
  expect(sql.at(-1)).toContain('FOR TABLE ONLY public.orders');
});

test('what a first copy reads is granted: partitions by name too, wherever they lie, but for foreign ones', () => {
  const leaf = (schemaIdent: string, foreign: boolean) => ({
    ident: `${schemaIdent}.orders_1`,
    schemaIdent,
    identity: 'default' as const,
    foreign,
  });
  const partitions = [leaf('kept', false), leaf('far', true)];
  const { sql, advice } = setup({}, [{ ...orders, kind: 'partitioned', partitions }]);
  expect(sql).toContain('GRANT USAGE ON SCHEMA public, kept TO conductor');
  expect(sql).toContain('GRANT SELECT ON TABLE public.orders, kept.orders_1 TO conductor');
  expect(advice.join()).toMatch(/partition of public.orders that is created later.*GRANT SELECT/);
});

test('what the server lacks is set, and what waits for a restart is named', () => {
  const { changed, restart } = setup({
    walLevel: setting('minimal'),
    walSenders: setting('0'),
    replicationSlots: setting('1'),
    slots: [slot('other')],
  });
  expect(changed).toEqual([
    'ALTER SYSTEM SET wal_level = logical',
    'ALTER SYSTEM SET max_replication_slots = 5',
    'ALTER SYSTEM SET max_wal_senders = 6',
  ]);
  expect(restart).toEqual(['wal_level', 'max_replication_slots', 'max_wal_senders']);
});

test('what ALTER SYSTEM cannot change is said instead', () => {
  const fixed = setup({ walLevel: { value: 'replica', waits: false, fixed: true } });
  expect(fixed.changed).toEqual([]);
  expect(fixed.advice.join()).toMatch(/wal_level = logical on the server's command line/);
  const managed = setup({ rds: true, walLevel: setting('replica') });
  expect(managed.advice.join()).toMatch(/rds.logical_replication = 1/);
  expect(managed.restart).toEqual(['wal_level']);
});

test('how much WAL a forgotten slot may keep is left to a person', () => {
  expect(setup({ slotWalKeepSizeMb: -1 }).advice.join()).toMatch(/until the disk is full/);
  expect(setup({ slotWalKeepSizeMb: 16 }).advice.join()).toMatch(/is 16 MB/);
});

test('whatever a table is called, nothing but statements is outside of comments', () => {
  const name = "x\n; DROP TABLE y; --\u2028\r'";
  const ident = `public."${name}"`;
  const table = relation(name, [column('id')], { ident, kind: 'partitioned', uniqueIndexes: [] });
  const { transaction, settings, ...rest } = setup({ slotWalKeepSizeMb: -1 }, [table]);
  const text = setupText(
    { ...rest, transaction, settings },
    { server: name, standby: true, outsider: name },
  );
  const bare = [...transaction, ...settings].reduce(
    (left, { sql }) => left.replace(`${sql};`, ''),
    text,
  );
  const lines = bare.split(/[\n\r\u2028]/).filter((line) => line !== '' && !line.startsWith('--'));
  expect(lines).toEqual(['BEGIN;', expect.stringMatching(/^SET LOCAL lock_timeout/), 'COMMIT;']);
});
