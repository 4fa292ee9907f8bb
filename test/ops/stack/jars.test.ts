import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cacheFolder, packages, parseChecksums, verify } from '../../../ops/stack/jars.ts';
import { parseJavaVersion } from '../../../ops/stack/java.ts';

test.each([
  ['openjdk version "17.0.15" 2025-04-15', 17],
  ['openjdk version "25" 2025-09-16 LTS', 25],
  ['java version "1.8.0_392"', 8],
  ['The operation could not be completed.', 0],
])('reads the version out of %j', (output, version) => {
  expect(parseJavaVersion(output)).toBe(version);
});

test.each([
  [{ CONDUCTOR_CACHE: '/c', XDG_CACHE_HOME: '/x' }, '/c'],
  [{ XDG_CACHE_HOME: '/x' }, '/x/conductor'],
])('keeps downloads where %j says', (env, folder) => expect(cacheFolder(env)).toBe(folder));

test('has a checksum for every file of every server', async () => {
  const list = await readFile(new URL('../../../ops/stack/jars.sha256', import.meta.url), 'utf8');
  const counts = Object.values(packages).map((wanted) => parseChecksums(list, wanted).size);
  expect(counts).toEqual([46, 1, 237]);
});

test('notices what is altered, missing or strange, by name', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'jars-'));
  const sum = createHash('sha256').update('good').digest('hex');
  await writeFile(join(folder, 'a.jar'), 'good');
  await verify(folder, new Map([['a.jar', sum]]));
  await expect(verify(folder, new Map([['a.jar', '00']]))).rejects.toThrow(/a\.jar has sha256/);
  await expect(
    verify(
      folder,
      new Map([
        ['a.jar', sum],
        ['b.jar', sum],
      ]),
    ),
  ).rejects.toThrow('b.jar');
  await expect(verify(folder, new Map())).rejects.toThrow('a.jar was downloaded');
  await rm(folder, { recursive: true });
});
