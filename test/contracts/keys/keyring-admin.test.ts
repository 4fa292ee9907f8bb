import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { fileKeyring } from '../../../contracts/keys/file-keyring.ts';
import { fileRootKey } from '../../../contracts/keys/file-root-key.ts';
import { KeyringAdmin } from '../../../contracts/keys/keyring-admin.ts';
import type { Keyring, Owner } from '../../../contracts/keys/keyring.ts';

const firstRoot = 'ab'.repeat(32);
const nextRoot = 'cd'.repeat(32);
const ada: Owner = { tenant: '1', domain: 'public.users.id', subject: 'ada@example.com' };
const bob: Owner = { ...ada, subject: 'bob@example.com' };
const eve: Owner = { ...ada, tenant: '2', subject: 'eve@example.com' };

let folder = '';
const opened: Keyring[] = [];
const keys = () => join(folder, 'keys');
const open = async (root = firstRoot, directory = keys()) => {
  const keyring = await fileKeyring(directory, fileRootKey(root), root);
  opened.push(keyring);
  return keyring;
};
const admin = (root = firstRoot, next: string | null = null) =>
  KeyringAdmin.open(keys(), fileRootKey(root, next), root);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ring-'));
});
afterEach(async () => {
  for (const keyring of opened.splice(0)) await keyring[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

function box(keyring: Keyring, owner: Owner) {
  const owned = keyring.keyOf(owner);
  return owned === 'destroyed'
    ? expect.unreachable('the key was destroyed')
    : { ref: owned.ref, key: owned.key.export().toString('hex') };
}

const opens = (keyring: Keyring, ref: Buffer) => {
  const found = keyring.find(ref);
  return found.state === 'here' ? found.key.export().toString('hex') : found.state;
};

test('a rotated subject has a new key for new boxes, under a name that tells nothing of the old one', async () => {
  const running = await open();
  const old = box(running, ada);
  const before = running.epoch;
  {
    using by = await admin();
    expect(await by.rotateSubject(ada)).toBe(1);
  }
  await vi.waitFor(() => expect(running.epoch).toBeGreaterThan(before)); // Nobody asks it to look.
  const fresh = box(running, ada);
  expect(fresh.ref).not.toEqual(old.ref);
  expect(fresh.key).not.toBe(old.key);
  for (const keyring of [running, await open()]) {
    expect(opens(keyring, old.ref)).toBe(old.key);
    expect(opens(keyring, fresh.ref)).toBe(fresh.key);
    expect(box(keyring, ada)).toEqual(fresh);
  }
});

test('all subjects of a tenant are rotated, and those of others are not', async () => {
  const running = await open();
  const old = [ada, bob, eve].map((owner) => box(running, owner));
  {
    using by = await admin();
    expect(await by.rotateSubjectsOf('1')).toBe(2);
  }
  await running.refresh();
  const fresh = [ada, bob, eve].map((owner) => box(running, owner));
  expect(fresh.map(({ key }, n) => key === old[n]!.key)).toEqual([false, false, true]);
});

test('a running process sees within a second that a subject is erased, and drops what comes', async () => {
  const running = await open();
  const { ref } = box(running, ada);
  expect(opens(running, ref)).not.toBe('destroyed');
  {
    using by = await admin();
    expect(await by.destroy(ada, { rotate: true })).toEqual({ versions: 1, rewrapped: 0 });
  }
  await vi.waitFor(() => expect(opens(running, ref)).toBe('destroyed'), { timeout: 1_500 });
  expect(running.keyOf(ada)).toBe('destroyed');
});

test('who was erased before anything came of him is erased all the same', async () => {
  const running = await open();
  box(running, bob);
  {
    using by = await admin();
    expect(await by.destroy(ada, { rotate: false })).toEqual({ versions: 0, rewrapped: 0 });
  }
  await running.refresh();
  expect(running.keyOf(ada)).toBe('destroyed');
  expect((await open()).keyOf(ada)).toBe('destroyed');
});

test('every version of an erased subject’s key is gone, and the keys of others open as before', async () => {
  const running = await open();
  const first = box(running, ada);
  const other = box(running, bob);
  {
    using by = await admin();
    await by.rotateSubject(ada);
  }
  await running.refresh();
  const second = box(running, ada);
  {
    using by = await admin();
    expect(await by.destroy(ada, { rotate: true })).toEqual({ versions: 2, rewrapped: 1 });
  }
  for (const keyring of [running, await open()]) {
    await keyring.refresh();
    for (const { ref } of [first, second]) expect(opens(keyring, ref)).toBe('destroyed');
    expect(opens(keyring, other.ref)).toBe(other.key);
  }
});

test('of a tenant’s key that was replaced nothing is left, and it opens nothing that came after it', async () => {
  const running = await open();
  const sealed = box(running, ada);
  const lines = () =>
    readFileSync(join(keys(), 'tenants.ring'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>)
      .filter(({ use }) => use === 'subjects');
  expect(lines().map(({ wrapped }) => wrapped!.slice(0, 5))).toEqual(['file:']);
  {
    using by = await admin();
    expect(await by.rotateTenant('1')).toBe(1);
  }
  const [old, fresh] = lines();
  expect(old!['wrapped']).toMatch(/^0+$/);
  expect(fresh!['wrapped']).toMatch(/^file:/);
  expect(fresh!['by']).toBe(old!['id']);
  expect(fresh!['link']).toMatch(/^0+$/);
  for (const keyring of [running, await open()])
    expect(opens(keyring, sealed.ref)).toBe(sealed.key);
});

test('a copy of the subjects’ keys from before an erasure opens nothing, beside the tenants’ keys of now', async () => {
  const running = await open();
  const erased = box(running, ada);
  box(running, bob);
  await running.saved();
  const copy = join(folder, 'copy');
  cpSync(keys(), copy, { recursive: true });
  {
    using by = await admin();
    await by.destroy(ada, { rotate: true });
  }
  cpSync(join(keys(), 'tenants.ring'), join(copy, 'tenants.ring'));
  expect(opens(await open(firstRoot, copy), erased.ref)).toBe('unknown');
});

test('a copy of the whole keyring from before opens by the root key of then, and not by one it was rotated to', async () => {
  const running = await open();
  const erased = box(running, ada);
  const other = box(running, bob);
  await running.saved();
  const copy = join(folder, 'copy');
  cpSync(keys(), copy, { recursive: true });
  {
    using by = await admin(firstRoot, nextRoot);
    await by.destroy(ada, { rotate: true });
    await by.rotateRoot();
  }
  {
    using by = await admin(nextRoot);
    await by.retireRoot();
  }
  await expect(open(nextRoot, copy)).rejects.toThrow('the root key does not open the keyring');
  expect(opens(await open(firstRoot, copy), erased.ref)).toBe(erased.key); // What is not reached.
  const now = await open(nextRoot);
  expect(opens(now, erased.ref)).toBe('destroyed');
  expect(opens(now, other.ref)).toBe(other.key);
});

test('a worker that has the old root key goes on while the new one is taken up, and makes what both open', async () => {
  const running = await open();
  box(running, ada);
  await running.saved();
  {
    using by = await admin(firstRoot, nextRoot);
    await by.rotateRoot();
  }
  const made = box(running, eve); // Of a tenant that is new.
  await running.saved();
  expect(opens(await open(firstRoot), made.ref)).toBe(made.key);
  expect(opens(await open(nextRoot), made.ref)).toBe(made.key);
});

test('a worker that slept through a rotation of the root key to its end makes no key that would be lost', async () => {
  const asleep = await open();
  const old = box(asleep, ada);
  await asleep.saved();
  {
    using by = await admin(firstRoot, nextRoot);
    await by.rotateRoot();
  }
  {
    using by = await admin(nextRoot);
    await by.retireRoot();
  }
  expect(() => asleep.keyOf(eve)).toThrow('start it with the new one in keyring.rootKey');
  expect(opens(asleep, old.ref)).toBe(old.key);
  expect(opens(await open(nextRoot), old.ref)).toBe(old.key);
  await expect(open(firstRoot)).rejects.toThrow('keyring.rootKey');
});

test('a root key that nobody configured yet is not made the only one', async () => {
  const running = await open();
  const sealed = box(running, ada);
  {
    using by = await admin(firstRoot, nextRoot);
    await by.rotateRoot();
    await expect(by.retireRoot()).rejects.toThrow('than keyring.rootKey');
  }
  {
    using by = await admin(firstRoot);
    await expect(by.retireRoot()).rejects.toThrow('nothing is retired yet');
  }
  for (const root of [firstRoot, nextRoot])
    expect(opens(await open(root), sealed.ref)).toBe(sealed.key);
});

test('the root key of now is no new one', async () => {
  box(await open(), ada);
  using by = await admin(firstRoot, firstRoot);
  await expect(by.rotateRoot()).rejects.toThrow('the one that is in use');
});

test('one administrator at a time; a lock of a process that is gone is taken', async () => {
  await open();
  {
    using _ = await admin();
    await expect(admin()).rejects.toThrow(/another command is changing the keyring[^]*ring\.lock/);
  }
  const lock = join(keys(), 'ring.lock');
  writeFileSync(lock, JSON.stringify({ host: hostname(), pid: 2 ** 22 - 1 }));
  (await admin())[Symbol.dispose]();
  expect(existsSync(lock)).toBe(false);
  writeFileSync(lock, JSON.stringify({ host: `${hostname()}-other`, pid: 1 }));
  await expect(admin()).rejects.toThrow('remove this file');
});

test('tokens stay the same in a process that is open, and are others once it is opened again', async () => {
  const running = await open();
  const tokenOf = (keyring: Keyring, tenant: string) =>
    keyring.tokenKey(tenant).export().toString('hex');
  const [one, other] = [tokenOf(running, '1'), tokenOf(running, '2')];
  {
    using by = await admin();
    expect(await by.rotateTokens('1')).toBe(2);
    expect(await by.rotateTokens('1')).toBe(3);
  }
  await running.refresh();
  expect(tokenOf(running, '1')).toBe(one);
  const again = await open();
  expect(tokenOf(again, '1')).not.toBe(one);
  expect(tokenOf(again, '2')).toBe(other);
});

test('the keys of datasets, which are named as no tenant is, are never others', async () => {
  using by = await admin();
  for (const name of ['conductor.dp/orders', 'conductor.anon/people', 'conductor.dp/orders/state'])
    await expect(by.rotateTokens(name)).rejects.toThrow('one for ever');
});

test('what is told of a keyring counts its keys, names tenants, and no subject', async () => {
  const running = await open();
  for (const owner of [ada, bob, eve, { ...ada, tenant: null }]) box(running, owner);
  using by = await admin();
  await by.rotateSubject(ada);
  await by.destroy(bob, { rotate: true });
  const { tenants, ...counts } = by.status();
  expect(counts).toMatchObject({ root: 'keyring.rootKey', subjects: 3, erased: 1 });
  expect(tenants).toMatchObject([
    { tenant: '2', common: false, version: 1, subjects: 1, subjectKeys: 1, tokenVersion: 1 },
    { tenant: null, common: false, version: 1, subjects: 1, subjectKeys: 1, tokenVersion: 1 },
    { tenant: '1', common: false, version: 2, subjects: 1, subjectKeys: 2, tokenVersion: 1 },
  ]);
  const files = ['tenants.ring', 'subjects.ring'].map((name) => readFileSync(join(keys(), name)));
  for (const bytes of files)
    for (const name of ['ada@', 'bob@', 'eve@']) expect(bytes.includes(name)).toBe(false);
  expect(JSON.stringify(by.status())).not.toMatch(/(?:ada|bob|eve)@/);
});
