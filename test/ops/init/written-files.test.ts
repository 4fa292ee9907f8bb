import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { contractText } from '../../../ops/init/contract-text.ts';
import { propose } from '../../../ops/init/proposal.ts';
import { contractsFolder, fileNames, writeAll } from '../../../ops/init/written-files.ts';
import { column, relation } from './relations.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'conductor-init-'));
});

afterEach(() => rm(folder, { recursive: true }));

const [orders] = propose([relation('orders', [column('id')])], { generated: false });
const contract = {
  path: join(contractsFolder, 'public.orders.yaml'),
  text: contractText(orders!, 'shop'),
};
const files = [{ path: 'conductor.yaml', text: 'a' }, contract];

test('a file is named after its table, and no two are one on any file system', () => {
  const tables = [
    'public.orders',
    'public.Orders',
    'public.a/b',
    'public.a b',
    '..x.größe',
    'p.日本',
  ];
  expect([...fileNames(tables).values()]).toEqual(
    ['public.orders', 'public.Orders-2', 'public.a-b', 'public.a-b-2', '_.x.größe', 'p.日本'].map(
      (name) => join(contractsFolder, `${name}.yaml`),
    ),
  );
});

test('where one file is there already, none is written, and it is named', async () => {
  await writeFile(join(folder, 'conductor.yaml'), 'mine');
  await expect(writeAll(folder, files, { force: false })).rejects.toThrow(
    /there already: conductor.yaml; nothing was written\n.*\n.*--out.*--force/,
  );
  expect(await readdir(folder)).toEqual(['conductor.yaml']);
  await writeAll(folder, files, { force: true });
  expect(await readFile(join(folder, 'conductor.yaml'), 'utf8')).toBe('a');
});

test('contracts that would not load with those that are there are not written', async () => {
  await mkdir(join(folder, contractsFolder), { recursive: true });
  await writeFile(join(folder, contractsFolder, 'own.yaml'), contract.text);
  await expect(writeAll(folder, files, { force: true })).rejects.toThrow(
    /do not go together.*\n.*public.orders: has a contract in .*already/,
  );
  expect(await readdir(join(folder, contractsFolder))).toEqual(['own.yaml']);
});
