import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { locked } from '../../../ops/stack/lock.ts';
import { identify, isAlive, memoryMb } from '../../../ops/stack/process-identity.ts';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'lock-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));

const waiting = { patienceMs: 5_000, onWait: () => undefined };

test('lets one in at a time, and leaves nothing behind', async () => {
  let inside = 0;
  let most = 0;
  const visit = () =>
    locked(join(folder, 'lock'), waiting, async () => {
      most = Math.max(most, ++inside);
      await new Promise(setImmediate);
      inside--;
    });
  await Promise.all(Array.from({ length: 5 }, visit));
  expect(most).toBe(1);
  expect(await readdir(folder)).toEqual([]);
});

test.each([
  ['a holder that is gone', JSON.stringify({ pid: 2 ** 22 + 1, started: 'x' })],
  ['a holder whose pid is another process now', JSON.stringify({ pid: process.pid, started: 'x' })],
  ['a file that says nothing', ''],
])('does not wait for %s', async (_what, content) => {
  await writeFile(join(folder, 'lock'), content);
  expect(await locked(join(folder, 'lock'), waiting, () => Promise.resolve('in'))).toBe('in');
});

test('gives up on a holder that stays, and names it', async () => {
  await writeFile(join(folder, 'lock'), JSON.stringify(await identify(process.pid)));
  const impatient = { patienceMs: 0, onWait: () => undefined };
  await expect(locked(join(folder, 'lock'), impatient, () => Promise.resolve())).rejects.toThrow(
    `kill ${process.pid}`,
  );
});

test('knows a process from a later one with its pid', async () => {
  const self = (await identify(process.pid))!;
  expect(await isAlive(self)).toBe(true);
  expect(await isAlive({ ...self, started: 'earlier' })).toBe(false);
  expect(await memoryMb(process.pid)).toBeGreaterThan(10);
});
