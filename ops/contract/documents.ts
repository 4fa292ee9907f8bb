import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { promisify } from 'node:util';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { isContractFile, type Written, writtenIn } from '../../contracts/read-promises.ts';

const git = promisify(execFile);
const mostBytes = 64 * 1024 * 1024;

/** Whether a path is a file or a folder; refuses what is not there. */
export async function kindOf(path: string): Promise<'file' | 'folder'> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new CannotRun(
      { what: 'there is no such file or folder', where: path, fix: 'correct its path' },
      { cause },
    );
  });
  return found.isDirectory() ? 'folder' : 'file';
}

/** The contract documents of a file or a folder. */
export async function documentsAt(path: string): Promise<readonly Written[]> {
  if ((await kindOf(path)) === 'folder') return writtenIn(path);
  return [{ name: basename(path), text: await readFile(path, 'utf8') }];
}

/** The same documents as they were in a revision of the repository that they are in; none where they were not there yet. */
export async function documentsIn(revision: string, path: string): Promise<readonly Written[]> {
  const isFolder = (await kindOf(path)) === 'folder';
  const folder = isFolder ? path : dirname(path);
  const commit = await ask(folder, [
    'rev-parse',
    '--verify',
    '--quiet',
    '--end-of-options',
    `${revision}^{commit}`,
  ]).catch((cause: unknown) => {
    throw new CannotRun(
      {
        what: `git knows no revision ${revision}`,
        where: folder,
        fix: 'name a commit, branch or tag of the repository that the contracts are in, for example git:main',
      },
      { cause },
    );
  });
  const listed = await ask(folder, ['ls-tree', '-z', '--name-only', commit.trim(), './']);
  const names = listed
    .split('\0')
    .filter((name) => isContractFile(name) && (isFolder || name === basename(path)));
  return Promise.all(
    names.map(async (name) => ({
      name,
      text: await ask(folder, ['show', `${commit.trim()}:./${name}`]),
    })),
  );
}

const ask = async (folder: string, args: readonly string[]): Promise<string> =>
  (await git('git', ['-C', folder, ...args], { maxBuffer: mostBytes })).stdout;
