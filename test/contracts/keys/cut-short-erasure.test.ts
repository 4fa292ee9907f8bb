import { cpSync, mkdtempSync, rmSync, writeSync } from 'node:fs';
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
  return { ...fs, writeSync: vi.fn(fs.writeSync) };
});

const rootKey = 'ab'.repeat(32);
const ada: Owner = { tenant: '1', domain: 'public.users.id', subject: 'ada' };
const bob: Owner = { ...ada, subject: 'bob' };

let folder = '';
const keys = () => join(folder, 'keys');
const open = (directory = keys()) => fileKeyring(directory, fileRootKey(rootKey), rootKey);
const admin = () => KeyringAdmin.open(keys(), fileRootKey(rootKey), rootKey);
const live = () => vi.mocked(writeSync).mockReset().mockImplementation(real.writeSync);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ring-'));
});
afterEach(() => {
  live();
  rmSync(folder, { recursive: true });
});

function refOf(keyring: Keyring, owner: Owner): Buffer {
  const owned = keyring.keyOf(owner);
  return owned === 'destroyed' ? expect.unreachable() : owned.ref;
}

/** Of so many writes each is done; then the process is gone. */
function dieAfter(writes: number): void {
  let done = 0;
  vi.mocked(writeSync).mockImplementation(((...args: Parameters<typeof writeSync>) => {
    if (done++ >= writes) throw new Error('killed');
    return real.writeSync(...args);
  }) as typeof writeSync);
}

test.each([1, 2, 3, 4, 5, 6, 7])(
  'an erasure that was cut short after %i writes is finished by the next command: the copy of before opens nothing',
  async (writes) => {
    let erased: Buffer = Buffer.alloc(0);
    let kept: Buffer = Buffer.alloc(0);
    {
      await using running = await open();
      [erased, kept] = [refOf(running, ada), refOf(running, bob)];
      await running.saved();
    }
    const copy = join(folder, 'copy');
    cpSync(keys(), copy, { recursive: true });
    {
      using by = await admin();
      dieAfter(writes);
      await expect(by.destroy(ada, { rotate: true })).rejects.toThrow('killed');
      live();
    }
    {
      using by = await admin();
      expect(by.status()).toMatchObject({ erased: 1, tenants: [{ subjectKeys: 1 }] });
    }
    cpSync(join(keys(), 'tenants.ring'), join(copy, 'tenants.ring'));
    await using before = await open(copy);
    expect(before.find(erased).state).toBe('unknown');
    await using now = await open();
    expect(now.find(erased).state).toBe('destroyed');
    expect(now.find(kept).state).toBe('here');
  },
);
