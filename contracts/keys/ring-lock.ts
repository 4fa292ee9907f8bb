import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { CannotRun } from '../cannot-run.ts';

/**
 * Lets one administrator at a time change what stands in a keyring. One that was killed leaves a lock that
 * the next one takes; of another machine nobody can tell whether it still runs.
 */
export function lockRing(directory: string): Disposable {
  const path = join(directory, 'ring.lock');
  const own = { host: hostname(), pid: process.pid };
  for (let tries = 0; tries < 2; tries++) {
    try {
      writeFileSync(path, JSON.stringify(own), { flag: 'wx', mode: 0o600 });
      return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      if (isHeld(path)) break;
      rmSync(path, { force: true });
    }
  }
  throw new CannotRun({
    what: 'another command is changing the keyring',
    where: path,
    fix: 'wait for it; if it was killed on another machine, remove this file, and what it left undone is done by the next command',
  });
}

function isHeld(path: string): boolean {
  let holder: { readonly host?: unknown; readonly pid?: unknown };
  try {
    holder = JSON.parse(readFileSync(path, 'utf8')) as typeof holder;
  } catch {
    return false; // It was given back meanwhile, or its writer was killed before it said who it is.
  }
  if (holder.host !== hostname()) return true;
  if (typeof holder.pid !== 'number' || holder.pid === process.pid)
    return holder.pid === process.pid;
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
