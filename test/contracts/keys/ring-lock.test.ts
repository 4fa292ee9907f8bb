import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockRing } from '../../../contracts/keys/ring-lock.ts';

const script = fileURLToPath(new URL('locking-process.ts', import.meta.url));
const gone = JSON.stringify({ host: hostname(), pid: 2 ** 22 - 1 });

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ring-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test(
  'of processes that take the lock again and again no two have it at once',
  { timeout: 60_000 },
  async () => {
    const processes = [1, 2, 3].map(() => fork(script, [folder, '1000']));
    const told = processes.map(async (child) => {
      const [counts] = (await once(child, 'message')) as [{ held: number; shared: number }];
      return counts;
    });
    const counts = await Promise.all(told);
    expect(counts.map(({ shared }) => shared)).toEqual([0, 0, 0]);
    expect(counts.reduce((whole, { held }) => whole + held, 0)).toBeGreaterThan(0);
    expect(readdirSync(folder)).toEqual([]);
  },
);

test('a lock that does not say yet whose it is is held', () => {
  const lock = join(folder, 'ring.lock');
  writeFileSync(lock, '');
  expect(() => lockRing(folder)).toThrow(/another command is changing the keyring[^]*ring\.lock/);
  expect(readdirSync(folder)).toEqual(['ring.lock']);
});

test('locks of processes that are gone are removed, and who was refused leaves none', () => {
  const dead = ['ring.lock', 'ring.lock.00000000-0000-4000-8000-000000000000'];
  for (const name of dead) writeFileSync(join(folder, name), gone);
  const held = lockRing(folder);
  for (const name of dead) expect(existsSync(join(folder, name))).toBe(false);
  expect(() => lockRing(folder)).toThrow('another command is changing the keyring');
  expect(readdirSync(folder).length).toBe(1);
  held[Symbol.dispose]();
  expect(readdirSync(folder)).toEqual([]);
});
