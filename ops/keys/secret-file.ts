import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { CannotRun } from '../../contracts/cannot-run.ts';

/** The 64 hex digits in a file that nobody else may read; made if there is no such file. `where` names it in errors. */
export async function secretIn(path: string, where = path): Promise<string> {
  const made = `${randomBytes(32).toString('hex')}\n`;
  await writeFile(path, made, { mode: 0o600, flag: 'wx', flush: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    },
  );
  const secret = (await readFile(path, 'utf8')).trim();
  if (/^[0-9a-f]{64}$/.test(secret)) return secret;
  throw new CannotRun({
    what: 'it holds no key: 64 hex digits are wanted',
    where,
    fix: 'name a file that is not there, and one is made; or write one with openssl rand -hex 32',
  });
}
