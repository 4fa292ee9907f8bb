import { readFile, stat } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import { CannotRun } from '../../contracts/cannot-run.ts';

/** A value that somebody has put into a confidential column to see whether it ever shows. Only its name may be told. */
export interface Canary {
  readonly name: string;
  readonly value: string;
}

const shortest = 8; // Bytes: what is shorter stands in many a record by chance.
const most = 200;

const canaries = z.record(z.string().regex(/^[\w.-]{1,64}$/), z.string());

/** Reads canaries, `name: value` in YAML, from a file that nobody else may read. No error quotes it. */
export async function readCanaries(path: string): Promise<readonly Canary[]> {
  const refuse = (what: string, fix: string): never => {
    throw new CannotRun({ what, where: path, fix });
  };
  const example = 'write one line for each, for example email-1: canary-7f3a9c@example.org';
  const found = await stat(path).catch(() =>
    refuse('there is no file of canaries', `${example}, and chmod 600 the file`),
  );
  if ((found.mode & 0o077) !== 0)
    refuse('others may read the canaries, and whoever knows one can hide it', `chmod 600 ${path}`);
  const read = canaries.safeParse(yamlOf(await readFile(path, 'utf8')));
  if (!read.success) return refuse('the file is no list of names and texts', example);
  const all = Object.entries(read.data).map(([name, value]) => ({ name, value }));
  const short = all.find(({ value }) => Buffer.byteLength(value) < shortest);
  if (short)
    refuse(
      `the canary ${short.name} has less than ${shortest} bytes, and would be found by chance`,
      'plant a longer one that stands nowhere else',
    );
  if (all.length === 0 || all.length > most)
    refuse(`the file has ${all.length} canaries`, `name 1 to ${most} of them: ${example}`);
  return all;
}

function yamlOf(text: string): unknown {
  try {
    return parse(text, { logLevel: 'error' });
  } catch {
    return null; // What the parser says would quote a canary.
  }
}
