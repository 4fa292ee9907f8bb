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
import { fileKeyring } from '../../contracts/keys/file-keyring.ts';
import { fileRootKey } from '../../contracts/keys/file-root-key.ts';
import type { Keyring, Owner } from '../../contracts/keys/keyring.ts';
import { KeyringError } from '../../contracts/keys/keyring-error.ts';
import { isSettled } from '../doubles.ts';

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof NodeFs>();
  return { ...fs, fsync: vi.fn(fs.fsync) };
});

const rootKey = 'ab'.repeat(32);
const recordBytes = 176;
const slotsAt = 40; // Within a record: the key, wrapped.
const ada: Owner = { tenant: '1', domain: 'public.users.id', subject: 'ada@example.com' };
const bob: Owner = { ...ada, subject: 'bob' };

let folder = '';
const opened: Keyring[] = [];
const file = () => join(folder, 'keys', 'subjects.ring');
const open = async (root = rootKey) => {
  const keyring = await fileKeyring(join(folder, 'keys'), fileRootKey(root), root);
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

test('an owner has one key, another owner another, and a name that finds it', async () => {
  const keyring = await open();
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

test('a key that was never made is unknown', async () => {
  expect(find(await open(), '00'.repeat(16))).toEqual({ state: 'unknown' });
});

test('keys and tokens survive reopening', async () => {
  const first = await open();
  const keys = [keyOf(first, ada), keyOf(first, bob)];
  const token = tokenKey(first, '1');
  const again = await open();
  expect([keyOf(again, ada), keyOf(again, bob)]).toEqual(keys);
  expect(tokenKey(again, '1')).toEqual(token);
  expect(statSync(file()).size).toBe(3 * recordBytes);
});

test('two keyrings on one directory agree on a key, whoever is first', async () => {
  const [one, other] = [await open(), await open()];
  expect(keyOf(other, ada)).toEqual(keyOf(one, ada));
  expect(keyOf(one, bob)).toEqual(keyOf(other, bob));
  const { ref } = keyOf(one, { ...ada, subject: 'eve' });
  expect(find(other, ref).state).toBe('here');
});

test('of two records for one owner the first counts, in every keyring', async () => {
  const one = await open();
  const first = keyOf(one, ada);
  const other = await open();
  const record = readFileSync(file()).subarray(-recordBytes);
  record.fill(1, slotsAt + 8);
  appendFileSync(file(), record);
  expect(keyOf(await open(), ada)).toEqual(first);
  expect(keyOf(other, ada)).toEqual(first);
  expect(keyOf(one, ada)).toEqual(first);
});

test('tokens of two tenants have two keys', async () => {
  const keyring = await open();
  expect(tokenKey(keyring, '1')).toEqual(tokenKey(keyring, '1'));
  expect(tokenKey(keyring, '1')).not.toEqual(tokenKey(keyring, '2'));
});

test('the file holds neither the owner nor the key, and nobody else may read it', async () => {
  const { key } = keyOf(await open(), ada);
  const bytes = readFileSync(file());
  expect(bytes.includes('ada')).toBe(false);
  expect(bytes.includes(Buffer.from(key, 'hex'))).toBe(false);
  expect(statSync(file()).mode & 0o077).toBe(0);
});

test('another root key is a KeyringError that says which setting is wrong, and no key', async () => {
  keyOf(await open(), ada);
  const wrong = 'cd'.repeat(32);
  await expect(open(wrong)).rejects.toThrow(KeyringError);
  await expect(open(wrong)).rejects.toThrow('keyring.rootKey');
  await expect(open(wrong)).rejects.not.toThrow(wrong);
});

test('a damaged record is a KeyringError', async () => {
  keyOf(await open(), ada);
  const descriptor = openSync(file(), 'r+');
  writeSync(descriptor, Buffer.from([1, 2, 3]), 0, 3, recordBytes + slotsAt + 20);
  const damaged = await open();
  expect(() => damaged.keyOf(ada)).toThrow(KeyringError);
});

test('a torn last record is dropped, and what is written next is whole', async () => {
  const first = keyOf(await open(), ada);
  appendFileSync(file(), Buffer.alloc(recordBytes - 1, 7));
  const torn = await open();
  const second = keyOf(torn, bob);
  expect(statSync(file()).size).toBe(3 * recordBytes);
  const again = await open();
  expect([keyOf(again, ada), keyOf(again, bob)]).toEqual([first, second]);
});

test('a record of zeros is a key that was destroyed, for ever: none is made anew', async () => {
  const { ref } = keyOf(await open(), ada);
  const kept = keyOf(await open(), bob);
  const descriptor = openSync(file(), 'r+');
  writeSync(descriptor, Buffer.alloc(136), 0, 136, recordBytes + slotsAt);
  const keyring = await open();
  expect(keyring.keyOf(ada)).toBe('destroyed');
  expect(find(keyring, ref)).toEqual({ state: 'destroyed' });
  expect(keyOf(keyring, bob)).toEqual(kept);
  expect(statSync(file()).size).toBe(3 * recordBytes);
});

test('more keys than are read at once survive reopening', async () => {
  const keyring = await open();
  const owners = Array.from({ length: 4_100 }, (_, n) => ({ ...ada, subject: `${n}` }));
  const keys = owners.map((owner) => keyOf(keyring, owner));
  const again = await open();
  expect(owners.map((owner) => keyOf(again, owner))).toEqual(keys);
});

/** Holds back what `fsync` answers until the test says so. */
function heldSync() {
  const answers: ((error: Error | null) => void)[] = [];
  vi.mocked(fsync).mockImplementation(((_: number, answer: (error: Error | null) => void) => {
    answers.push(answer);
  }) as typeof fsync);
  return {
    answers,
    asked: (times: number) => vi.waitFor(() => expect(answers.length).toBe(times)),
    answer: (error: Error | null) => {
      for (const give of answers.splice(0)) give(error);
    },
  };
}

/** A keyring with one key, so that its tenant is known. */
async function begun(): Promise<Keyring> {
  const keyring = await open();
  keyring.keyOf(bob);
  await keyring.saved();
  return keyring;
}

test('keys are saved when they are synced to disk, and whoever asks meanwhile waits too', async () => {
  const keyring = await begun();
  const disk = heldSync();
  keyring.keyOf(ada);
  const first = keyring.saved();
  const second = keyring.saved();
  await disk.asked(1);
  expect(await isSettled(first)).toBe(false);
  expect(await isSettled(second)).toBe(false);
  expect(disk.answers.length).toBe(1);
  disk.answer(null);
  await Promise.all([first, second]);
});

test('the first key of a tenant is saved when the tenant’s key is too', async () => {
  const keyring = await begun();
  const disk = heldSync();
  keyring.keyOf({ ...ada, tenant: '2' });
  const saved = keyring.saved();
  await disk.asked(2);
  disk.answers.pop()!(null);
  expect(await isSettled(saved)).toBe(false);
  disk.answer(null);
  await saved;
});

test('a sync that failed is not taken for done: who asks next asks the disk again', async () => {
  const keyring = await begun();
  const disk = heldSync();
  keyring.keyOf(ada);
  const failing = keyring.saved();
  await disk.asked(1);
  disk.answer(new Error('EIO'));
  await expect(failing).rejects.toThrow('EIO');
  const again = keyring.saved();
  await disk.asked(1);
  disk.answer(null);
  await again;
});

test('without a new key nothing is synced', async () => {
  const keyring = await begun();
  const disk = heldSync();
  await keyring.saved();
  expect(disk.answers).toEqual([]);
});

test('a key that another process made is synced before it is relied on', async () => {
  const [mine, theirs] = [await open(), await open()];
  theirs.keyOf(ada);
  const disk = heldSync();
  mine.keyOf(ada);
  const saved = mine.saved();
  await disk.asked(2);
  expect(await isSettled(saved)).toBe(false);
  disk.answer(null);
  await saved;
});
