import { mkdtempSync, readFileSync, rmSync, writeSync } from 'node:fs';
import type * as NodeFs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { fileKeyring } from '../../../contracts/keys/file-keyring.ts';
import { fileRootKey } from '../../../contracts/keys/file-root-key.ts';
import { KeyringAdmin } from '../../../contracts/keys/keyring-admin.ts';
import { KeyringError } from '../../../contracts/keys/keyring-error.ts';

const real = await vi.hoisted(() => import('node:fs'));
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof NodeFs>();
  return { ...fs, writeSync: vi.fn(fs.writeSync) };
});

const rootKey = 'ab'.repeat(32);
const nextRoot = 'cd'.repeat(32);
const ada = { tenant: '1', domain: 'd', subject: 'ada' };

let folder = '';
const open = (root = rootKey) => fileKeyring(folder, fileRootKey(root), root);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ring-'));
});
afterEach(() => {
  vi.mocked(writeSync).mockReset().mockImplementation(real.writeSync);
  rmSync(folder, { recursive: true });
});

/** Has the next write, to `tenants.ring` where a tenant is new, go wrong. */
const nextWrite = (goes: (file: number, bytes: Buffer) => number) =>
  vi.mocked(writeSync).mockImplementationOnce(goes as typeof writeSync);

const full = () => {
  throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
};

test('a key of a tenant that the disk had no room for is written before it counts as saved, in the process that goes on', async () => {
  await using keyring = await open();
  nextWrite(full);
  expect(() => keyring.keyOf(ada)).toThrow('ENOSPC');
  const owned = keyring.keyOf(ada);
  if (owned === 'destroyed') return expect.unreachable();
  nextWrite(full);
  await expect(keyring.saved()).rejects.toThrow('ENOSPC');
  await keyring.saved();
  await using other = await open();
  const found = other.find(owned.ref);
  expect(found.state === 'here' && found.key.equals(owned.key)).toBe(true);
});

test('of a key that was written in part nothing is left behind, and other processes read on', async () => {
  await using keyring = await open();
  await using other = await open();
  const tenants = () => readFileSync(join(folder, 'tenants.ring'), 'utf8');
  const before = tenants();
  nextWrite((file, bytes) => real.writeSync(file, bytes, 0, bytes.length >> 1));
  expect(() => keyring.keyOf(ada)).toThrow(KeyringError);
  expect(tenants()).toBe(before);
  const owned = keyring.keyOf(ada);
  if (owned === 'destroyed') return expect.unreachable();
  await keyring.saved();
  await other.refresh();
  for (const each of [other, await open()]) expect(each.find(owned.ref).state).toBe('here');
});

test('a key that was owed while the root key was rotated opens by the new one', async () => {
  await using keyring = await open();
  nextWrite(full);
  expect(() => keyring.keyOf(ada)).toThrow('ENOSPC');
  const owned = keyring.keyOf(ada);
  if (owned === 'destroyed') return expect.unreachable();
  {
    using admin = await KeyringAdmin.open(folder, fileRootKey(rootKey, nextRoot), rootKey);
    await admin.rotateRoot();
  }
  await keyring.saved();
  await using only = await open(nextRoot);
  expect(only.find(owned.ref).state).toBe('here');
});
