import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidContracts, type PromisedTable, readDocument } from './odcs-document.ts';

/** A document as it was written, and the file that it is in. */
export interface Written {
  readonly name: string;
  readonly text: string;
}

export const isContractFile = (name: string): boolean => /\.ya?ml$/.test(name);

/** Every document of a folder of contracts. */
export async function writtenIn(directory: string): Promise<readonly Written[]> {
  const all = await readdir(directory).catch((cause: unknown) => {
    throw new InvalidContracts(
      [`${directory}: cannot be read; name a folder of contracts, for example contracts/tables`],
      { cause },
    );
  });
  const names = all.filter(isContractFile).sort();
  if (names.length === 0)
    throw new InvalidContracts([`${directory}: no *.yaml in it; write one contract per table`]);
  return Promise.all(
    names.map(async (name) => ({ name, text: await readFile(join(directory, name), 'utf8') })),
  );
}

/** The tables of documents, and what is wrong with those that could not be read. */
export function promisesIn(written: readonly Written[]): {
  readonly tables: readonly PromisedTable[];
  readonly problems: readonly string[];
} {
  const tables: PromisedTable[] = [];
  const problems: string[] = [];
  for (const { name, text } of written) {
    try {
      tables.push(...readDocument(text, name));
    } catch (error) {
      if (!(error instanceof InvalidContracts)) throw error;
      problems.push(...error.problems);
    }
  }
  return { tables, problems };
}
