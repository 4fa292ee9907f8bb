import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checked } from '../../../ops/contract/checked.ts';
import { comparedContracts } from '../../../ops/contract/compared.ts';
import { contractsFolder } from '../../../ops/contract/contracts-folder.ts';
import { column, document, type Json, key, table, to } from '../../contracts/documents.ts';

const run = promisify(execFile);
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'conductor-contracts-'));
});

afterEach(() => rm(folder, { recursive: true }));

const write = (name: string, ...schema: readonly Json[]) =>
  writeFile(join(folder, name), document(...schema));
const at = (name: string) => join(folder, name);
const customers = table('customers', [column('id', key)]);
const orders = table('orders', [column('id', key), column('customer_id', to('customers.id'))]);

describe('check', () => {
  test('a file is right or wrong together with the others of its folder', async () => {
    await write('customers.yaml', customers);
    await write('orders.yaml', orders);
    expect(await checked([at('orders.yaml')], null)).toMatchObject({ tables: 1, faults: [] });
    await rm(at('customers.yaml'));
    expect((await checked([at('orders.yaml')], null)).faults).toEqual([
      expect.stringContaining('points to customers.id, which no contract has'),
    ]);
  });

  test('only what is wrong with the files that were named is told, unless another cannot be read', async () => {
    await write('a.yaml', { ...customers, customProperties: [{ property: 'tenant', value: 'x' }] });
    await write('b.yaml', table('fine', [column('id', key)]));
    expect((await checked([at('b.yaml')], null)).faults).toEqual([]);
    expect((await checked([folder], null)).faults).toHaveLength(1);
    await writeFile(at('c.yaml'), 'a: [');
    expect((await checked([at('b.yaml')], null)).faults).toEqual([
      expect.stringMatching(/^c\.yaml: /),
    ]);
  });

  test('a name that no topic takes is told where topics have a name', async () => {
    await write('a.yaml', table('a'.repeat(240), [column('id', key)]));
    expect((await checked([folder], null)).faults).toEqual([]);
    expect((await checked([folder], 'shop')).faults).toEqual([
      expect.stringContaining('Kafka takes'),
    ]);
  });

  test('a folder without contracts, and none at all', async () => {
    expect((await checked([folder], null)).faults).toEqual([expect.stringContaining('no *.yaml')]);
    await expect(checked([at('none')], null)).rejects.toThrow('there is no such file or folder');
  });
});

describe('diff', () => {
  const git = (...args: readonly string[]) => run('git', ['-C', folder, ...args]);
  const commit = async () => {
    await git('add', '-A');
    await git('-c', 'user.name=a', '-c', 'user.email=a@example.org', 'commit', '-qm', 'x');
  };

  test('a folder is held against what it was in a revision', async () => {
    await git('init', '-q');
    await write('customers.yaml', customers);
    await write('gone.yaml', table('gone', [column('id', key)]));
    await commit();
    await rm(at('gone.yaml'));
    await write('orders.yaml', orders);
    const { changes, unannounced } = await comparedContracts('git:HEAD', folder);
    expect(changes.map(({ table: name, what }) => `${name} ${what}`)).toEqual([
      'public.gone has no contract any more',
      'public.orders has a contract now',
    ]);
    expect(unannounced).toEqual(['public.gone']);
    const file = await comparedContracts('git:HEAD', at('orders.yaml'));
    expect(file.changes).toHaveLength(1);
    expect((await comparedContracts('git:HEAD', at('customers.yaml'))).changes).toEqual([]);
  });

  test('what git does not know is said in words, and no option of git', async () => {
    await git('init', '-q');
    await write('customers.yaml', customers);
    await commit();
    for (const revision of ['nope', '--help', '--output=/tmp/x'])
      await expect(comparedContracts(`git:${revision}`, folder)).rejects.toThrow(
        `git knows no revision ${revision}`,
      );
  });

  test('a file is held against what a folder has of its tables', async () => {
    await write('orders.yaml', orders);
    const old = at('old');
    await mkdir(old);
    await writeFile(
      join(old, 'all.yaml'),
      document(customers, table('orders', [column('id', key)])),
    );
    const { changes } = await comparedContracts(old, at('orders.yaml'));
    expect(changes).toEqual([
      expect.objectContaining({ table: 'public.orders', column: 'customer_id', breaks: null }),
    ]);
  });
});

describe('the folder of contracts', () => {
  test('is that of the configuration, whose secrets are not needed', async () => {
    const config = at('conductor.yaml');
    await writeFile(
      config,
      'database: shop\ncontracts: promised\nsource: { url: { env: NOT_SET } }\n',
    );
    expect(await contractsFolder(config)).toEqual({ folder: at('promised'), database: 'shop' });
    await writeFile(config, 'source: {}\n');
    expect(await contractsFolder(config)).toEqual({
      folder: at('contracts/tables'),
      database: null,
    });
  });

  test('a configuration that cannot be read is not quoted', async () => {
    const config = at('conductor.yaml');
    await writeFile(config, 'contracts: [hunter2');
    await expect(contractsFolder(config)).rejects.toThrow(/^(?!.*hunter2)/s);
    await expect(contractsFolder(at('none.yaml'))).rejects.toThrow('there is no configuration');
  });
});
