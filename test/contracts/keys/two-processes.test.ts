import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { fileKeyring } from '../../../contracts/keys/file-keyring.ts';
import { fileRootKey } from '../../../contracts/keys/file-root-key.ts';
import { KeyringAdmin } from '../../../contracts/keys/keyring-admin.ts';

const script = fileURLToPath(new URL('sealing-process.ts', import.meta.url));
const rootKey = 'ab'.repeat(32);

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ring-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test(
  'whatever two processes seal while a tenant’s key is replaced again and again is opened afterwards',
  { timeout: 120_000 },
  async () => {
    const directory = join(folder, 'keys');
    const sealed: (readonly [ref: string, key: string])[] = [];
    const processes = ['one', 'other'].map((name) => {
      const child = fork(script, [directory, rootKey, name]);
      child.on('message', (told) => void sealed.push(told as [string, string]));
      return child;
    });
    const exits = processes.map((child) => once(child, 'exit'));
    await vi.waitFor(() => expect(sealed.length).toBeGreaterThan(10), { timeout: 60_000 });
    for (let times = 0; times < 12; times++) {
      const before = sealed.length;
      using admin = await KeyringAdmin.open(directory, fileRootKey(rootKey), rootKey);
      expect(await admin.rotateTenant('1')).toBeGreaterThan(0);
      await vi.waitFor(() => expect(sealed.length).toBeGreaterThan(before), { timeout: 60_000 });
    }
    for (const child of processes) child.send('stop');
    expect((await Promise.all(exits)).map(([code]) => code as number)).toEqual([0, 0]);
    await using keyring = await fileKeyring(directory, fileRootKey(rootKey), rootKey);
    for (const [ref, key] of sealed) {
      const found = keyring.find(Buffer.from(ref, 'hex'));
      expect(found.state === 'here' && found.key.export().toString('hex')).toBe(key);
    }
  },
);
