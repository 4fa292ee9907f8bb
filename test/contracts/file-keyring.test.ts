import {
  appendFileSync,
  fsync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import type * as NodeFs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { fileKeyring, KeyringError } from '../../contracts/keys/file-keyring.ts';
import type { Keyring, Owner } from '../../contracts/keys/keyring.ts';
import { isSettled } from '../doubles.ts';

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof NodeFs>();
  return { ...fs, fsync: vi.fn(fs.fsync) };
});

const rootKey = 'ab'.repeat(32);
const recordBytes = 76;
const ada: Owner = { tenant: '1', domain: 'public.users.id', subject: 'ada@example.com' };
const bob: Owner = { ...ada, subject: 'bob' };

let folder = '';
const opened: Keyring[] = [];
const file = () => join(folder, 'keys', 'subjects.keys');
const open = (root = rootKey) => {
  const keyring = fileKeyring(join(folder, 'keys'), root);
  opened.push(keyring);
  return keyring;
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyring-'));
});
afterEach(async () => {
  vi.mocked(fsync).mockReset();
  for (const keyring of opened.splice(0)) await keyring[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** The owner's key, which must be there. */
function keyOf(keyring: Keyring, owner: Owner) {
  const owned = keyring.keyOf(owner);
  if (owned === 'destroyed') return expect.unreachable('the key was destroyed');
  return { ref: owned.ref.toString('hex'), key: owned.key.export().toString('hex') };
}

function find(keyring: Keyring, ref: string) {
  const found = keyring.find(Buffer.from(ref, 'hex'));
  return found.state === 'here' ? { ...found, key: found.key.export().toString('hex') } : found;
}

const tokenKey = (keyring: Keyring, tenant: string) =>
  keyring.tokenKey(tenant).export().toString('hex');

test('an owner has one key, another owner another, and a name that finds it', () => {
  const keyring = open();
  const first = keyOf(keyring, ada);
  expect(keyOf(keyring, { ...ada })).toEqual(first);
  expect(find(keyring, first.ref)).toEqual({ state: 'here', key: first.key });
  const others = [
    bob,
    { ...ada, tenant: '2' },
    { ...ada, tenant: null },
    { ...ada, subject: null },
    { ...ada, domain: 'public.staff.id' },
  ].map((owner) => keyOf(keyring, owner));
  expect(new Set([first, ...others].map(({ ref }) => ref)).size).toBe(6);
  expect(new Set([first, ...others].map(({ key }) => key)).size).toBe(6);
});

test('a key that was never made is unknown', () => {
  expect(find(open(), '00'.repeat(16))).toEqual({ state: 'unknown' });
});

test('keys and tokens survive reopening', () => {
  const first = open();
  const keys = [keyOf(first, ada), keyOf(first, bob)];
  const token = tokenKey(first, '1');
  const again = open();
  expect([keyOf(again, ada), keyOf(again, bob)]).toEqual(keys);
  expect(tokenKey(again, '1')).toEqual(token);
  expect(statSync(file()).size).toBe(2 * recordBytes);
});

test('two keyrings on one directory agree on a key, whoever is first', () => {
  const [one, other] = [open(), open()];
  expect(keyOf(other, ada)).toEqual(keyOf(one, ada));
  expect(keyOf(one, bob)).toEqual(keyOf(other, bob));
  const { ref } = keyOf(one, { ...ada, subject: 'eve' });
  expect(find(other, ref).state).toBe('here');
});

test('of two records for one owner the first counts, in every keyring', () => {
  const one = open();
  const first = keyOf(one, ada);
  const elsewhere = mkdtempSync(join(tmpdir(), 'keyring-'));
  const rival = fileKeyring(elsewhere, rootKey);
  opened.push(rival);
  expect(keyOf(rival, ada)).not.toEqual(first);
  appendFileSync(file(), readFileSync(join(elsewhere, 'subjects.keys')));
  rmSync(elsewhere, { recursive: true });
  expect(keyOf(open(), ada)).toEqual(first);
  expect(keyOf(one, ada)).toEqual(first);
});

test('tokens of two tenants have two keys', () => {
  const keyring = open();
  expect(tokenKey(keyring, '1')).toEqual(tokenKey(keyring, '1'));
  expect(tokenKey(keyring, '1')).not.toEqual(tokenKey(keyring, '2'));
});

test('the file holds neither the owner nor the key, and nobody else may read it', () => {
  const { key } = keyOf(open(), ada);
  const bytes = readFileSync(file());
  expect(bytes.includes('ada')).toBe(false);
  expect(bytes.includes(Buffer.from(key, 'hex'))).toBe(false);
  expect(statSync(file()).mode & 0o077).toBe(0);
});

test('another root key is a KeyringError that says which setting is wrong, and no key', () => {
  keyOf(open(), ada);
  const wrong = 'cd'.repeat(32);
  expect(() => open(wrong)).toThrow(KeyringError);
  expect(() => open(wrong)).toThrow('keyring.rootKey');
  expect(() => open(wrong)).not.toThrow(wrong);
});

test('a damaged record is a KeyringError', () => {
  keyOf(open(), ada);
  const descriptor = openSync(file(), 'r+');
  writeSync(descriptor, Buffer.from([1, 2, 3]), 0, 3, 40);
  expect(() => open()).toThrow(KeyringError);
});

test('a torn last record is dropped, and what is written next is whole', () => {
  const first = keyOf(open(), ada);
  appendFileSync(file(), Buffer.alloc(recordBytes - 1, 7));
  const torn = open();
  const second = keyOf(torn, bob);
  expect(statSync(file()).size).toBe(2 * recordBytes);
  const again = open();
  expect([keyOf(again, ada), keyOf(again, bob)]).toEqual([first, second]);
});

test('a record of zeros is a key that was destroyed, for ever: none is made anew', () => {
  const { ref } = keyOf(open(), ada);
  const kept = keyOf(open(), bob);
  const descriptor = openSync(file(), 'r+');
  writeSync(descriptor, Buffer.alloc(recordBytes - 16), 0, recordBytes - 16, 16);
  const keyring = open();
  expect(keyring.keyOf(ada)).toBe('destroyed');
  expect(find(keyring, ref)).toEqual({ state: 'destroyed' });
  expect(keyOf(keyring, bob)).toEqual(kept);
  expect(statSync(file()).size).toBe(2 * recordBytes);
});

test('more keys than are read at once survive reopening', () => {
  const keyring = open();
  const owners = Array.from({ length: 4_100 }, (_, n) => ({ ...ada, subject: `${n}` }));
  const keys = owners.map((owner) => keyOf(keyring, owner));
  const again = open();
  expect(owners.map((owner) => keyOf(again, owner))).toEqual(keys);
});

/** Holds back what `fsync` answers until the test says so. */
function heldSync() {
  const answers: ((error: Error | null) => void)[] = [];
  vi.mocked(fsync).mockImplementation(((_: number, answer: (error: Error | null) => void) => {
    answers.push(answer);
  }) as typeof fsync);
  return answers;
}

test('keys are saved when they are synced to disk, and whoever asks meanwhile waits too', async () => {
  const answers = heldSync();
  const keyring = open();
  keyring.keyOf(ada);
  const first = keyring.saved();
  const second = keyring.saved();
  expect(await isSettled(first)).toBe(false);
  expect(await isSettled(second)).toBe(false);
  expect(answers.length).toBe(1);
  answers[0]!(null);
  await Promise.all([first, second]);
});

test('a sync that failed is not taken for done: who asks next asks the disk again', async () => {
  const answers = heldSync();
  const keyring = open();
  keyring.keyOf(ada);
  const failing = keyring.saved();
  answers[0]!(new Error('EIO'));
  await expect(failing).rejects.toThrow('EIO');
  const again = keyring.saved();
  expect(answers.length).toBe(2);
  answers[1]!(null);
  await again;
});

test('without a new key nothing is synced', async () => {
  const answers = heldSync();
  const keyring = open();
  await keyring.saved();
  expect(answers).toEqual([]);
});

test('a key that another process made is synced before it is relied on', async () => {
  const [mine, theirs] = [open(), open()];
  theirs.keyOf(ada);
  const answers = heldSync();
  mine.keyOf(ada);
  const saved = mine.saved();
  expect(await isSettled(saved)).toBe(false);
  answers[0]!(null);
  await saved;
});
