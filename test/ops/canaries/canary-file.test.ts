import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readCanaries } from '../../../ops/canaries/canary-file.ts';

let folder: string;
let path: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'conductor-canaries-'));
  path = join(folder, 'canaries.yaml');
});

afterAll(() => rm(folder, { recursive: true }));

const write = async (text: string, mode = 0o600) => {
  await writeFile(path, text);
  await chmod(path, mode);
};

test('canaries are read by name', async () => {
  await write('mail: canary-1@example.org\nphone-2: "+49 30 5550001"\n');
  expect(await readCanaries(path)).toEqual([
    { name: 'mail', value: 'canary-1@example.org' },
    { name: 'phone-2', value: '+49 30 5550001' },
  ]);
});

test.each<[what: string, text: string, mode: number, says: string]>([
  ['others may read', 'mail: hunter2-hunter2', 0o644, 'others may read the canaries'],
  ['is short', 'mail: hunter2', 0o600, 'the canary mail has less than 8 bytes'],
  ['is a list', '- hunter2-hunter2', 0o600, 'no list of names and texts'],
  ['is a number', 'mail: 12345678', 0o600, 'no list of names and texts'],
  ['is no YAML', 'mail: [hunter2-hunter2', 0o600, 'no list of names and texts'],
  ['has a strange name', '"hunter2 hunter2": hunter2-hunter2', 0o600, 'no list of names'],
  ['has none', '{}', 0o600, 'the file has 0 canaries'],
])('a file that %s is refused, and not quoted', async (_, text, mode, says) => {
  await write(text, mode);
  const refusal = await readCanaries(path).catch((error: unknown) => String(error));
  expect(refusal).toContain(says);
  expect(refusal).not.toContain('hunter2');
});

test('a file that is not there is asked for', async () => {
  await expect(readCanaries(join(folder, 'none'))).rejects.toThrow('there is no file of canaries');
});
