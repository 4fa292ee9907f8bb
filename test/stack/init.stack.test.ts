import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import databases, { sql } from '@databases/pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../contracts/config.ts';
import { applySetup } from '../../ops/init/apply.ts';
import { init, type Initiated } from '../../ops/init/init.ts';
import { readContracts } from '../../ops/worker/setting.ts';
import { checkpointsAt } from '../../pipelines/wal/checkpoint.ts';
import { prepareSource } from '../../pipelines/wal/prepare.ts';
import { graphTables } from '../../sinks/neo4j-tables.ts';
import { awkward } from './awkward.ts';
import { type OwnDatabases, ownDatabases, raw } from './own-databases.ts';

type Name = 'awkward' | 'many' | 'state';
let own: OwnDatabases<Name>;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'conductor-init-'));
  own = await ownDatabases<Name>(['awkward', 'many', 'state']);
  await own.run('awkward', async (db) => {
    for (const statement of awkward) await db.query(raw(statement));
  });
  await own.run('many', (db) =>
    db.query(sql`
      DO $$ BEGIN FOR n IN 1..300 LOOP
        EXECUTE format('CREATE TABLE t%s (id bigint PRIMARY KEY, tenant_id bigint NOT NULL,
          user_id bigint, email text, status text, amount numeric(12,2), at timestamptz)', n);
      END LOOP; END $$`),
  );
});

afterAll(async () => {
  await own[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const asked = (name: Name, out: string) => ({
  url: own.urlOf(name),
  out: join(folder, out),
  name: 'source',
  role: own.role,
  only: { schemas: [], tables: [] },
  force: false,
});

const configOf = (out: string, sourceUrl: string) =>
  loadConfig(join(folder, out, 'conductor.yaml'), {
    SOURCE_URL: sourceUrl,
    STATE_URL: own.urlOf('state'),
    ROOT_KEY: 'ab'.repeat(32),
  });

/** Every file in a folder, with its text. */
async function textsIn(path: string) {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name));
  return Promise.all(
    paths.sort().map(async (each) => [each, await readFile(each, 'utf8')] as const),
  );
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

describe('an awkward database', () => {
  let done: Initiated;
  let before: unknown;

  beforeAll(async () => {
    before = await own.catalogs('awkward');
    done = await init(asked('awkward', 'awkward'));
  });

  test('is read without anything being run on the server', async () => {
    expect(await own.catalogs('awkward')).toEqual(before);
  });

  test('gets a configuration and contracts that load, and that the graph takes', async () => {
    const contracts = await readContracts(await configOf('awkward', own.urlOf('awkward')));
    const tables = done.chosen.proposals.map(({ table }) => table);
    expect([...contracts.keys()]).toEqual(tables.toSorted());
    expect(contracts.size).toBeGreaterThan(25);
    graphTables([...contracts.values()]);
  });

  test('has each table proposed or skipped with a reason, but for those of the system', () => {
    expect(done.chosen.skipped.map(({ table, reason }) => [table, reason])).toEqual([
      ['a.b.c', expect.stringMatching(/dot in its name/)],
      ['public.empty', expect.stringMatching(/no column/)],
      ['public.far', expect.stringMatching(/on another server/)],
      ['public.kept', expect.stringMatching(/materialised view/)],
      ['public.orders.old', expect.stringMatching(/dot in its name/)],
      ['public.quick', expect.stringMatching(/SET LOGGED/)],
      ['public.seen', expect.stringMatching(/it is a view/)],
      ['public.summed_stuck', expect.stringMatching(/virtual generated column/)],
    ]);
    const tables = done.chosen.proposals.map(({ table }) => table);
    expect(tables).not.toContain('public.pg_buffercache');
    const partitioned = tables.filter((table) => /events|logs/.test(table));
    expect(partitioned).toEqual(['public.events', 'public.logs']);
  });

  test('is left alone the second time, unless told to overwrite', async () => {
    const place = join(folder, 'awkward');
    const texts = await textsIn(place);
    await expect(init(asked('awkward', 'awkward'))).rejects.toThrow(
      /there already: conductor.yaml, contracts.* and \d+ more; nothing was written/,
    );
    expect(await textsIn(place)).toEqual(texts);
    await init({ ...asked('awkward', 'awkward'), force: true });
    expect(await textsIn(place)).toEqual(texts);
  });

  test('can be captured by the new role once a superuser has run what was printed', async () => {
    const [transaction = '', rest] = done.sql.split('\nCOMMIT;\n');
    expect(rest?.replaceAll(/^--.*\n/gm, '').trim()).toBe('');
    await own.run('awkward', (db) => db.query(raw(`${transaction}\nCOMMIT;`)));

    const config = await configOf('awkward', done.sourceUrl);
    await using checkpoints = await checkpointsAt(config.state.url);
    const { unknownColumns } = await prepareSource({
      settings: { ...config.source, slot: own.role },
      stream: `source/${own.role}`,
      contracts: await readContracts(config),
      checkpoints,
      captured: () => Promise.resolve(new Set()),
      recovering: () => {},
      waiting: () => {},
    });
    await own.run('awkward', (db) => db.query(sql`SELECT pg_drop_replication_slot(${own.role})`));
    expect(unknownColumns).toEqual([]);
  });

  test('then lets the role read every table, and others update and delete as before', async () => {
    const reader = databases.default({ connectionString: done.sourceUrl, bigIntMode: 'string' });
    await own.run('awkward', async (db) => {
      for (const { relation } of done.chosen.proposals) {
        await reader.query(raw(`SELECT FROM ${relation.ident}`));
        for (const { name } of relation.columns.filter(({ generated }) => generated === 'no'))
          await db.query(raw(`UPDATE ${relation.ident} SET ${quoted(name)} = DEFAULT`));
        await db.query(raw(`DELETE FROM ${relation.ident}`));
      }
    });
    await reader.dispose();
  });

  test('then can be looked at by the role itself, and needs nothing but what may be said again', async () => {
    const again = await init({ ...asked('awkward', 'again'), url: done.sourceUrl, role: null });
    expect(again.chosen.proposals).toHaveLength(done.chosen.proposals.length);
    expect(again.setup.role).toBe(own.role);
    expect(again.sourceUrl).toMatch(/^postgres:..\w+:PASSWORD@/);
    expect(again.setup.transaction.map((each) => each.sql.split(/\s/, 2).join(' '))).toEqual([
      'GRANT CONNECT',
      'GRANT USAGE',
      'GRANT SELECT',
      'ALTER PUBLICATION',
    ]);
    expect(await textsIn(join(folder, 'again'))).toHaveLength(done.files.length);
  });
});

test('300 tables are proposed within seconds, and their contracts load', async () => {
  const started = performance.now();
  const { chosen } = await init(asked('many', 'many'));
  expect(performance.now() - started).toBeLessThan(10_000);
  expect(chosen.proposals).toHaveLength(300);
  expect((await readContracts(await configOf('many', own.urlOf('many')))).size).toBe(300);
});

test('a schema or a table that is named is the only one that is proposed', async () => {
  const only = async (schemas: readonly string[], tables: readonly string[]) => {
    const out = `only-${schemas.join()}-${tables.join()}`;
    const { chosen } = await init({ ...asked('awkward', out), only: { schemas, tables } });
    return chosen.proposals.map(({ table }) => table);
  };
  expect(await only(['Verkauf'], [])).toEqual(['Verkauf.Bestellungen', 'Verkauf.Kunden']);
  expect(await only([], ['tree', 'public.order'])).toEqual(['public.order', 'public.tree']);
  await expect(only(['public'], ['Kunden'])).rejects.toThrow(/there is no table Kunden/);
  await expect(only([], ['events_2025'])).rejects.toThrow(/it is a partition; name the table/);
});

test('a setup that fails leaves nothing behind, and says which statement it was', async () => {
  const { setup } = await init(asked('many', 'failing'));
  const broken = { sql: `GRANT SELECT ON nothing TO ${own.role}`, why: '' };
  const before = await own.catalogs('many');
  const failing = applySetup(own.urlOf('many'), {
    transaction: [...setup.transaction, broken],
    settings: [],
  });
  await expect(failing).rejects.toThrow(/refused GRANT SELECT ON nothing.*nothing was kept/);
  expect(await own.catalogs('many')).toEqual(before);
});

test('what no transaction may hold is run outside of one', async () => {
  const settings = ['SET max_slot_wal_keep_size = 65536', 'RESET max_slot_wal_keep_size'];
  await applySetup(own.urlOf('many'), {
    transaction: [],
    settings: settings.map((each) => ({ sql: `ALTER SYSTEM ${each}`, why: '' })),
  });
});
