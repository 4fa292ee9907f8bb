import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { schema } from '../../ops/demo/schema.ts';
import { type OwnDatabases, ownDatabases } from './own-databases.ts';
import { type Ended, Worker } from './way/worker.ts';

type Name = 'shop' | 'none';
let own: OwnDatabases<Name>;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'conductor-init-'));
  own = await ownDatabases<Name>(['shop', 'none']);
  await own.run('shop', (db) =>
    db.tx(async (tx) => {
      for (const statement of schema) await tx.query(statement);
    }),
  );
});

afterAll(async () => {
  await own[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Runs `conductor init` as its user would. */
async function command(...args: readonly string[]): Promise<Ended> {
  await using worker = new Worker(['init', ...args], {});
  return await worker.ended;
}

const published = () =>
  own.run('shop', (db) => db.query(sql`SELECT count(*)::int AS tables FROM pg_publication_tables`));

test('prints SQL alone on stdout, and runs it only when it is told to', async () => {
  const before = await own.catalogs('shop');
  const args = ['--source', own.urlOf('shop'), '--out', join(folder, 'shop'), '--role', own.role];
  const plain = await command(...args);
  expect(plain.code, plain.stderr).toBe(0);
  expect(plain.stdout).toMatch(/^-- What database init_shop_\w+ at .* needs to be captured/);
  expect(plain.stderr).toMatch(/public.customers: .*confidential: name, email, phone\n/);
  expect(plain.stderr).toMatch(/npx conductor run capture\n$/);
  expect(plain.stdout + plain.stderr).not.toContain(own.server.password);

  const second = await command(...args);
  expect([second.code, second.stdout]).toEqual([1, '']);
  const unasked = await command(...args, '--force', '--apply');
  expect([unasked.code, unasked.stderr]).toEqual([2, expect.stringMatching(/say --apply --yes/)]);
  expect(await own.catalogs('shop')).toEqual(before);

  const applied = await command(...args, '--force', '--apply', '--yes', '--json');
  expect(applied.code, applied.stderr).toBe(0);
  expect(applied.stderr).toBe('');
  expect(JSON.parse(applied.stdout)).toMatchObject({ applied: true, publication: 'conductor' });
  expect(await published()).toEqual([{ tables: 5 }]);
});

const wrong: readonly (readonly [string, () => readonly string[], number, RegExp])[] = [
  ['no database', () => [], 2, /--source/],
  ['no PostgreSQL', () => ['--source', 'mysql://a:secret@b/c'], 1, /expected a PostgreSQL URL/],
  ['no server', () => ['--source', 'postgres://a:secret@127.0.0.1:1/b'], 1, /cannot be reached/],
  ['a wrong password', () => ['--source', own.urlOf('shop', 'secret')], 1, /refused the login/],
  ['an absent database', () => ['--source', `${own.urlOf('shop')}x`], 1, /does not exist/],
  ['an empty database', () => ['--source', own.urlOf('none')], 1, /has no table/],
  ['a wrong name', () => ['--source', own.urlOf('shop'), '--name', 'A.b'], 2, /--name A.b cannot/],
];

test.for(wrong)('says what is wrong with %s, and how to mend it', async ([, args, code, says]) => {
  const out = join(folder, 'wrong');
  const ended = await command(...args(), '--out', out);
  expect(ended.stderr).toMatch(says);
  if (code === 1) expect(ended.stderr).toMatch(/\n {2}where: .*\n {2}fix: {3}/);
  expect(ended.stderr).not.toContain('secret');
  expect([ended.code, ended.stdout]).toEqual([code, '']);
  await expect(readdir(out)).rejects.toThrow('ENOENT');
});
