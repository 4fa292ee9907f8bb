import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { CannotRun } from '../cannot-run.ts';

/** Lets one administrator at a time change what stands in a keyring. */
export const lockRing = (directory: string): Disposable =>
  lockIn(directory, { name: 'ring', what: 'the keyring' });

/**
 * Lets one command at a time change something in a folder. Each puts down a lock of its own before
 * it looks at those of others: of two at once both may be refused, and never both let in. A lock whose owner
 * was killed is removed by the next; of another machine nobody can tell whether it still runs.
 */
export function lockIn(
  directory: string,
  { name, what }: { readonly name: string; readonly what: string },
): Disposable {
  const lockName = new RegExp(`^${name}\\.lock(?:\\.[0-9a-f-]{36})?$`); // Once there was one without a name of its own.
  const owned = `${name}.lock.${randomUUID()}`;
  const own = join(directory, owned);
  const put = { [Symbol.dispose]: () => rmSync(own, { force: true }) };
  using taken = new DisposableStack();
  taken.use(put);
  const made = `${own}.new`; // Whoever sees a lock sees all of it.
  const text = JSON.stringify({ host: hostname(), pid: process.pid });
  writeFileSync(made, text, { flag: 'wx', mode: 0o600, flush: true });
  renameSync(made, own);
  for (const other of readdirSync(directory)) {
    if (other === owned || !lockName.test(other)) continue;
    const path = join(directory, other);
    if (isHeld(path)) throw heldBy(path, what);
    rmSync(path, { force: true });
  }
  taken.move();
  return put;
}

const heldBy = (path: string, what: string) =>
  new CannotRun({
    what: `another command is changing ${what}`,
    where: path,
    fix: 'wait for it, and give yours again; if it was killed on another machine, remove this file, and what it left undone is done by the next command',
  });

/** What tells nobody may be held by anybody; what is gone was given back meanwhile. */
function isHeld(path: string): boolean {
  let holder: { readonly host?: unknown; readonly pid?: unknown };
  try {
    holder = JSON.parse(readFileSync(path, 'utf8')) as typeof holder;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ENOENT');
  }
  if (holder.host !== hostname()) return true;
  if (typeof holder.pid !== 'number' || holder.pid === process.pid) return true;
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
