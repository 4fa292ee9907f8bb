import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Option } from 'commander';
import { ConfigError } from '../../contracts/config.ts';

/** Where the embedded stack and its workers keep what is theirs. */
export const home = (): string => resolve(process.env['CONDUCTOR_HOME'] ?? '.conductor');

export const configOption = (flags = '--config <file>') =>
  new Option(
    flags,
    'the configuration (default: conductor.yaml, else that of the embedded stack)',
  ).env('CONDUCTOR_CONFIG');

/** The configuration that was named, or the project's, or that which `npm start` wrote for the embedded stack. */
export async function configFile(named: string | undefined): Promise<string> {
  const path = named ?? (await foundConfig());
  if (path !== null) return path;
  throw new ConfigError(
    'there is no conductor.yaml here: copy conductor.example.yaml to conductor.yaml, or run `npm start` for the embedded stack',
  );
}

/** The configuration that is there where none was named; null where there is none. */
export async function foundConfig(): Promise<string | null> {
  for (const path of ['conductor.yaml', join(home(), 'conductor.yaml')]) {
    const there = await access(path).then(
      () => true,
      () => false,
    );
    if (there) return path;
  }
  return null;
}
