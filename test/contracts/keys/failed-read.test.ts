import { mkdtempSync, readSync, rmSync } from 'node:fs';
import type * as NodeFs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { fileKeyring } from '../../../contracts/keys/file-keyring.ts';
import { fileRootKey } from '../../../contracts/keys/file-root-key.ts';
import { KeyringAdmin } from '../../../contracts/keys/keyring-admin.ts';
import type { Keyring, Owner } from '../../../contracts/keys/keyring.ts';

const real = await vi.hoisted(() => import('node:fs'));
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof NodeFs>();
  return { ...fs, readSync: vi.fn(fs.readSync) };
});

const rootKey = 'ab'.repeat(32);
const ada: Owner = { tenant: '1', domain: 'd', subject: 'ada' };

let folder = '';
const open = () => fileKeyring(folder, fileRootKey(rootKey), rootKey);
const live = () => vi.mocked(readSync).mockReset().mockImplementation(real.readSync);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ring-'));
});
afterEach(() => {
  live();
  rmSync(folder, { recursive: true });
});

/** After so many reads that are done the disk fails. */
function failAfter(reads: number): void {
  let done = 0;
  vi.mocked(readSync).mockImplementation(((...args: Parameters<typeof readSync>) => {
    if (done++ >= reads) throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });
    return real.readSync(...args);
  }) as typeof readSync);
}

function refOf(keyring: Keyring, owner: Owner): Buffer {
  const owned = keyring.keyOf(owner);
  return owned === 'destroyed' ? expect.unreachable() : owned.ref;
}

test.each([0, 1, 2, 3, 4, 5, 6, 7])(
  'what could not be learned when the disk failed after %i reads is learned once it is back',
  async (reads) => {
    await using keyring = await open();
    await using other = await open();
    const refs = [refOf(other, ada)];
    for (let times = 0; times < 2; times++) {
      using admin = await KeyringAdmin.open(folder, fileRootKey(rootKey), rootKey);
      await admin.rotateSubject(ada);
      await other.refresh();
      refs.push(refOf(other, ada));
    }
    failAfter(reads);
    await expect(keyring.refresh()).rejects.toThrow('EIO');
    live();
    await keyring.refresh();
    for (const ref of refs) expect(keyring.find(ref).state).toBe('here');
    expect(refOf(keyring, ada)).toEqual(refs.at(-1));
  },
);

test('a disk that fails is an outage for whoever asks, and is over when the disk is back', async () => {
  await using keyring = await open();
  const ref = refOf(keyring, ada);
  expect(keyring.find(ref).state).toBe('here'); // From now on it needs no disk.
  failAfter(0);
  await vi.waitFor(() => expect(() => keyring.find(ref)).toThrow('EIO'), { timeout: 10_000 });
  live();
  await vi.waitFor(() => expect(keyring.find(ref).state).toBe('here'), { timeout: 10_000 });
});
