import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { secretIn } from '../../../ops/keys/secret-file.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'secret-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('a secret is made once, for its owner alone, and is the same afterwards', async () => {
  const path = join(folder, 'root.key');
  const made = await secretIn(path);
  expect(made).toMatch(/^[0-9a-f]{64}$/);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(await secretIn(path)).toBe(made);
  expect(readFileSync(path, 'utf8')).toBe(`${made}\n`);
});

test('what holds no key is left as it is, and named', async () => {
  const path = join(folder, 'notes');
  writeFileSync(path, 'hunter2');
  const error: unknown = await secretIn(path, `--to ${path}`).catch((cause: unknown) => cause);
  expect(String(error)).toMatch(/holds no key[^]*where: +--to .*notes[^]*fix: +name a file/);
  expect(String(error)).not.toContain('hunter2');
  expect(readFileSync(path, 'utf8')).toBe('hunter2');
});

test('of a file that cannot be read that is said, and not that it is there', async () => {
  await expect(secretIn(folder)).rejects.toThrow('EISDIR');
});
