import { createCipheriv, createHmac, hkdfSync } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fileKeyring } from '../../../contracts/keys/file-keyring.ts';
import { fileRootKey } from '../../../contracts/keys/file-root-key.ts';
import { KeyringAdmin } from '../../../contracts/keys/keyring-admin.ts';
import type { Keyring, Owner } from '../../../contracts/keys/keyring.ts';

const rootKey = '0f'.repeat(32);
const root = Buffer.from(rootKey, 'hex');
const ada: Owner = { tenant: '1', domain: 'public.users.id', subject: 'ada' };
const bob: Owner = { ...ada, subject: 'bob' };
const gone: Owner = { ...ada, subject: 'gone' };

let folder = '';
const opened: Keyring[] = [];
const keys = () => join(folder, 'keys');
const open = async () => {
  const keyring = await fileKeyring(keys(), fileRootKey(rootKey), rootKey);
  opened.push(keyring);
  return keyring;
};
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'old-ring-'));
  mkdirSync(keys());
});
afterEach(async () => {
  for (const keyring of opened.splice(0)) await keyring[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** What the first form of keyrings derived from the root key. */
const derived = (purpose: string) =>
  Buffer.from(hkdfSync('sha256', root, '', `conductor/${purpose}`, 32));
const refOf = ({ tenant, domain, subject }: Owner) =>
  createHmac('sha256', derived('name'))
    .update(JSON.stringify([tenant, domain, subject]))
    .digest()
    .subarray(0, 16);

/** A record as the first form wrote it: a name, and the key under the root key. */
function oldRecord(owner: Owner, key: Buffer): Buffer {
  const nonce = Buffer.alloc(12, key[0]);
  const cipher = createCipheriv('aes-256-gcm', derived('wrap'), nonce);
  const wrapped = Buffer.concat([cipher.update(key), cipher.final()]);
  return Buffer.concat([refOf(owner), nonce, wrapped, cipher.getAuthTag()]);
}

const [adasKey, bobsKey] = [Buffer.alloc(32, 0xa), Buffer.alloc(32, 0xb)];
const oldFile = () =>
  Buffer.concat([
    oldRecord(ada, adasKey),
    refOf(gone),
    Buffer.alloc(60),
    oldRecord(bob, bobsKey),
    Buffer.alloc(75, 7), // Torn.
  ]);
const opens = (keyring: Keyring, owner: Owner) => {
  const found = keyring.find(refOf(owner));
  return found.state === 'here' ? found.key.export() : found.state;
};

test('a keyring of the first form is taken over: its keys, its names, its tokens, and who is erased', async () => {
  writeFileSync(join(keys(), 'subjects.keys'), oldFile());
  for (const keyring of [await open(), await open()]) {
    expect(opens(keyring, ada)).toEqual(adasKey);
    expect(opens(keyring, bob)).toEqual(bobsKey);
    expect(opens(keyring, gone)).toBe('destroyed');
    expect(keyring.keyOf(gone)).toBe('destroyed');
    expect(keyring.keyOf(ada)).toMatchObject({ ref: refOf(ada) });
    expect(keyring.tokenKey('1').export()).toEqual(derived('token/1'));
  }
  expect(readdirSync(keys()).toSorted()).toEqual(['subjects.ring', 'tenants.ring']);
});

test.for(['tenants.ring', 'subjects.ring'])(
  'cut short before %s was there, it is taken over by whoever comes next',
  async (missing) => {
    const old = join(keys(), 'subjects.keys');
    writeFileSync(old, oldFile());
    await open();
    writeFileSync(old, oldFile());
    if (missing === 'tenants.ring') rmSync(join(keys(), 'tenants.ring'));
    rmSync(join(keys(), 'subjects.ring'));
    const keyring = await open();
    expect([opens(keyring, ada), opens(keyring, bob)]).toEqual([adasKey, bobsKey]);
    expect(existsSync(old)).toBe(false);
  },
);

test('its subjects are erased like others, and its common key is replaced with it', async () => {
  writeFileSync(join(keys(), 'subjects.keys'), oldFile());
  const running = await open();
  expect(opens(running, ada)).toEqual(adasKey);
  {
    using admin = await KeyringAdmin.open(keys(), fileRootKey(rootKey), rootKey);
    expect(await admin.destroy(ada, { rotate: true })).toEqual({ versions: 1, rewrapped: 1 });
  }
  for (const keyring of [running, await open()]) {
    await keyring.refresh();
    expect(opens(keyring, ada)).toBe('destroyed');
    expect(opens(keyring, bob)).toEqual(bobsKey);
  }
});

test('with another root key it stays as it is', async () => {
  const old = join(keys(), 'subjects.keys');
  writeFileSync(old, oldFile());
  const wrong = '1e'.repeat(32);
  await expect(fileKeyring(keys(), fileRootKey(wrong), wrong)).rejects.toThrow('keyring.rootKey');
  expect(opens(await open(), ada)).toEqual(adasKey);
});
