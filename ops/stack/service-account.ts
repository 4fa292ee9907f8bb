import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, lstat, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StackTrouble } from './stack-trouble.ts';

/** An account that runs a server on behalf of root. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** The account for servers that refuse to be root; null if this process is not root anyway. */
export async function serviceAccount(): Promise<Account | null> {
  if (process.getuid?.() !== 0) return null;
  const accounts = await readFile('/etc/passwd', 'utf8');
  const found = pickAccount(accounts);
  if (!found) {
    throw new StackTrouble(
      'PostgreSQL does not run as root, and there is no account to run it as; ' +
        'add one with: useradd --system postgres',
    );
  }
  return found;
}

/** Picks `postgres` out of a passwd file, or `nobody`. */
export function pickAccount(passwd: string): Account | null {
  const lines = passwd.split('\n').map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const line = lines.find(([user]) => user === name);
    const [uid, gid] = [Number(line?.[2]), Number(line?.[3])];
    if (uid > 0 && gid > 0) return { uid, gid };
  }
  return null;
}

/** Asks the system itself whether an account may run a program there. */
export function canRun(program: string, account: Account): boolean {
  return spawnSync(program, ['--version'], { ...account, cwd: '/', stdio: 'ignore' }).status === 0;
}

/** Asks the system itself whether an account may write into a folder. */
export function canWrite(folder: string, account: Account): boolean {
  return spawnSync('test', ['-w', folder], { ...account, cwd: '/', stdio: 'ignore' }).status === 0;
}

/** The folder for what must lie outside a home that a service account cannot reach. */
export function outsideOf(home: string): string {
  return join(
    '/var/tmp',
    `conductor-${createHash('sha256').update(home).digest('hex').slice(0, 12)}`,
  );
}

/** Makes the outside folder, and refuses one that somebody else has put there. */
export async function makeOutside(home: string): Promise<string> {
  const folder = outsideOf(home);
  await mkdir(folder, { mode: 0o711 }).catch(ignoreExisting);
  const found = await lstat(folder);
  if (!found.isDirectory() || found.uid !== process.getuid?.()) {
    throw new StackTrouble(`${folder} belongs to somebody else; remove it and try again`);
  }
  return folder;
}

/** Copies a program's folder to where the account can reach it, whole or not at all. */
export async function copyOutside(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await cp(from, to, { recursive: true, verbatimSymlinks: true });
}

function ignoreExisting(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
}
