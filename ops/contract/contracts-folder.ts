import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { ConfigError } from '../../contracts/config.ts';
import { foundConfig } from '../commands/config-file.ts';

/** What contracts can be looked at with: no server is asked, so that no secret of the configuration is needed. */
export interface ContractsFolder {
  readonly folder: string;
  readonly database: string | null; // What topics are named after; null where nothing is configured.
}

const settings = z.object({
  contracts: z.string().default('contracts/tables'),
  database: z.string().nullable().default(null),
});

/** The folder of contracts that is configured, or the one that would be by default. */
export async function contractsFolder(named: string | undefined): Promise<ContractsFolder> {
  const path = named ?? (await foundConfig());
  const given = process.env['CONDUCTOR_CONTRACTS'];
  if (path === null)
    return { folder: resolve(given ?? settings.parse({}).contracts), database: null };
  const { contracts, database } = await read(path);
  const folder = given ?? contracts;
  return { folder: resolve(dirname(path), folder), database };
}

async function read(path: string): Promise<z.infer<typeof settings>> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new ConfigError(`there is no configuration at ${path}: name another with --config FILE`, {
      cause,
    });
  });
  try {
    return settings.parse(parse(text, { logLevel: 'error' }));
  } catch {
    // What the parser says would quote the file.
    throw new ConfigError(
      `${path} cannot be used: \`contracts\` is to name a folder, and \`database\` to be a name`,
    );
  }
}
