import { execFile, spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A file system of a test's own, which can be filled to its last block. */
export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
  /** Leaves no room on it. */
  fill(): Promise<void>;
  /** Gives back the room that `fill` took. */
  free(): Promise<void>;
}

/** Whether this machine lets us mount one. */
export const canMount: boolean =
  spawnSync('sh', [
    '-c',
    'd=$(mktemp -d) && mount -t tmpfs none "$d" && umount "$d"; e=$?; rmdir "$d"; exit $e',
  ]).status === 0;

export async function smallDisk(megabytes: number): Promise<SmallDisk> {
  const folder = await mkdtemp(join(tmpdir(), 'conductor-disk-'));
  await chmod(folder, 0o711); // A server may run as another account.
  const path = join(folder, 'disk');
  await mkdir(path);
  await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'none', path]);
  const ballast = join(path, 'ballast');
  return {
    path,
    async fill() {
      const file = await open(ballast, 'a');
      try {
        for (let bytes = 1 << 20; bytes >= 512; bytes >>= 1) {
          const block = Buffer.alloc(bytes);
          while (await fits(file.write(block)));
        }
      } finally {
        await file.close();
      }
    },
    free: () => rm(ballast, { force: true }),
    async [Symbol.asyncDispose]() {
      await run('umount', ['--lazy', path]); // Of a server that was killed something may still be going.
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function fits(writing: Promise<unknown>): Promise<boolean> {
  try {
    await writing;
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return false;
    throw error;
  }
}
