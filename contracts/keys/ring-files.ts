import { randomBytes, randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type KeyLine, textOf, type Use } from './key-log.ts';
import { derived, keyLength } from './key-wrapping.ts';
import { KeyringError } from './keyring-error.ts';
import { checkOldRoot, commonId, oldRecords } from './old-keyring.ts';
import type { RootKey } from './root-key.ts';
import { headRecord } from './subject-log.ts';

/** Where the keyring of a folder lies. */
export const ringPaths = (directory: string) => ({
  keys: join(directory, 'tenants.ring'),
  subjects: join(directory, 'subjects.ring'),
  old: join(directory, 'subjects.keys'), // Of the first form.
});

/**
 * Makes the files of a keyring where there are none, of what the first form held if that is there. Each
 * appears whole or not at all, whoever else does the same; what is cut short goes on when it is opened again.
 */
export async function makeRing(
  directory: string,
  root: RootKey,
  rootKey: string | undefined,
): Promise<void> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { keys, subjects, old } = ringPaths(directory);
  const isOld = existsSync(old);
  if (isOld && rootKey !== undefined) checkOldRoot(old, rootKey);
  if (!existsSync(keys)) {
    if (existsSync(subjects))
      throw new KeyringError(
        `${keys} is missing, and nothing in ${subjects} opens without it: put both back from one backup`,
      );
    if (isOld && rootKey === undefined)
      throw new KeyringError(
        `${old} was made with a root key: give it as keyring.rootKey, beside keyring.kms`,
      );
    appear(keys, [Buffer.from(textOf(await firstLines(root, isOld ? rootKey : undefined)))]);
  }
  if (!existsSync(subjects)) appear(subjects, isOld ? withHead(oldRecords(old)) : [headRecord()]);
  if (!isOld) return;
  rmSync(old, { force: true }); // Whoever is erased from now on would still stand there.
  syncFolder(directory);
}

/** The seed, from which names and first tokens come; it was the root key itself, and stays so for who has used it. */
async function firstLines(root: RootKey, rootKey: string | undefined): Promise<readonly KeyLine[]> {
  const seed = rootKey === undefined ? randomBytes(keyLength) : Buffer.from(rootKey, 'hex');
  const common = rootKey === undefined ? [] : [derived(seed, 'wrap').export()];
  const wrapped = await root.wrap([seed, ...common]);
  const line = (use: Use, id: string, n: number): KeyLine => ({
    kind: 'key',
    id,
    use,
    tenant: '',
    title: '',
    version: 1,
    at: Date.now(),
    wrapped: wrapped[n] ?? '',
  });
  return [line('seed', '00'.repeat(8), 0), ...common.map(() => line('subjects', commonId, 1))];
}

function* withHead(records: Iterable<Buffer>): Iterable<Buffer> {
  yield headRecord();
  yield* records;
}

/** Has a file appear, whole and durable; whoever is first, that one is there. */
function appear(path: string, chunks: Iterable<Buffer>): void {
  const made = `${path}.${randomUUID()}`;
  const file = openSync(made, 'wx', 0o600);
  try {
    for (const chunk of chunks) writeFileSync(file, chunk);
    fsyncSync(file);
    linkSync(made, path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  } finally {
    closeSync(file);
    rmSync(made, { force: true });
  }
  syncFolder(join(path, '..'));
}

function syncFolder(directory: string): void {
  const folder = openSync(directory, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
