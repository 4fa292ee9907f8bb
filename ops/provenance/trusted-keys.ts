import { readFile } from 'node:fs/promises';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { parseVerifier, type Verifier } from '../../schemas/signed-note.ts';

/** Whom a file of public keys trusts: a line each, of the log or of a witness; what follows # is said to people. */
export async function trustedKeys(path: string): Promise<readonly Verifier[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CannotRun(
      { what: `the file of public keys cannot be read`, where: path, fix: wayToKeys },
      { cause },
    );
  });
  const lines = text.split('\n').map((line) => line.replace(/#.*/, '').trim());
  const keys = lines.flatMap((line, at) => {
    if (line === '') return [];
    const key = parseVerifier(line);
    if (key) return [key];
    throw new CannotRun({
      what: `line ${at + 1} is no public key: name+hash+key is wanted`,
      where: path,
      fix: wayToKeys,
    });
  });
  const names = new Set(keys.filter(({ kind }) => kind === 'log').map(({ name }) => name));
  if (names.size === 1) return keys;
  throw new CannotRun({
    what: `it has keys of ${names.size} logs, and one is to be verified`,
    where: path,
    fix: wayToKeys,
  });
}

const wayToKeys =
  'have the keeper of the log print it, by conductor provenance keys, and bring it on a way that you trust';
