import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { StackTrouble } from './stack-trouble.ts';
import { identify, isAlive, type Identity } from './process-identity.ts';

interface Waiting {
  readonly patienceMs: number;
  readonly onWait: (holder: number) => void;
}

/** Runs `work` while no other process holds the lock file; a holder that died is not waited for. */
export async function locked<T>(
  path: string,
  { patienceMs, onWait }: Waiting,
  work: () => Promise<T>,
): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  const deadline = Date.now() + patienceMs;
  let told = false;
  while (!(await take(path))) {
    const holder = await read(path);
    if (holder === null || !(await isAlive(holder))) {
      await clearStale(path);
      continue;
    }
    if (Date.now() > deadline) {
      throw new StackTrouble(
        `${path} is held by process ${holder.pid} for more than ${patienceMs / 1000} s; ` +
          `wait for it, or stop it with: kill ${holder.pid}`,
      );
    }
    if (!told) onWait(holder.pid);
    told = true;
    await pause(100);
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

let taken = 0;

/** A hard link appears whole or not at all, so that nobody reads a half-written holder. */
async function take(path: string): Promise<boolean> {
  const mine = `${path}.${process.pid}.${taken++}`;
  await writeFile(mine, JSON.stringify(await identify(process.pid)));
  try {
    await link(mine, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(mine, { force: true });
  }
}

async function read(path: string): Promise<Identity | null> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof value !== 'object' || value === null) return null;
    if (!('pid' in value) || !('started' in value)) return null;
    const { pid, started } = value;
    return typeof pid === 'number' && typeof started === 'string' ? { pid, started } : null;
  } catch {
    return null;
  }
}

/** Moves the file away before looking again: another waiter may have replaced it in between. */
async function clearStale(path: string): Promise<void> {
  const aside = `${path}.stale.${process.pid}.${taken++}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  const holder = await read(aside);
  if (holder !== null && (await isAlive(holder))) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}
