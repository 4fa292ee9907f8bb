import { basename, dirname, resolve } from 'node:path';
import { warningsOf } from '../../contracts/contract-warnings.ts';
import { faultsOf } from '../../contracts/odcs-checks.ts';
import { InvalidContracts } from '../../contracts/odcs-document.ts';
import { promisesIn, writtenIn } from '../../contracts/read-promises.ts';
import { type Terms, termsOf } from '../../contracts/terms.ts';
import { topicFault } from '../../contracts/topics.ts';
import { kindOf } from './documents.ts';

/** What there is to say of contracts. */
export interface Checked {
  readonly tables: number;
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
  readonly terms: readonly Terms[]; // Of the contracts that could be read.
}

/**
 * Checks contracts without any server: all of a folder, or some of its files. Contracts are right or wrong
 * together, so that the others of the folder are read too; only what is wrong with those that were named is told.
 */
export async function checked(paths: readonly string[], database: string | null): Promise<Checked> {
  const all = await Promise.all(
    [...(await byFolder(paths))].map(([folder, files]) => checkedIn(folder, files, database)),
  );
  return {
    tables: all.reduce((sum, { tables }) => sum + tables, 0),
    faults: all.flatMap(({ faults }) => faults),
    warnings: all.flatMap(({ warnings }) => warnings),
    terms: all.flatMap(({ terms }) => terms),
  };
}

/** Of each folder the files that were named; all of them where the folder was. */
async function byFolder(
  paths: readonly string[],
): Promise<ReadonlyMap<string, ReadonlySet<string> | null>> {
  const folders = new Map<string, Set<string> | null>();
  for (const path of paths) {
    const isFolder = (await kindOf(path)) === 'folder';
    const folder = resolve(isFolder ? path : dirname(path));
    const known = folders.get(folder);
    if (isFolder) folders.set(folder, null);
    else if (known !== null) folders.set(folder, new Set([...(known ?? []), basename(path)]));
  }
  return folders;
}

async function checkedIn(
  folder: string,
  files: ReadonlySet<string> | null,
  database: string | null,
): Promise<Checked> {
  const isMeant = (name: string) => files === null || files.has(name);
  const ofMeant = (line: string) => isMeant(line.slice(0, line.indexOf(': ')));
  try {
    const { tables, problems } = promisesIn(await writtenIn(folder));
    const own = tables.filter(({ source }) => isMeant(source));
    const names = own.flatMap(({ source, physicalName }) => {
      const fault = database === null ? null : topicFault(database, physicalName);
      return fault === null ? [] : [`${source}: ${fault}`];
    });
    return {
      tables: own.length,
      // A file that cannot be read leaves the others unjudged: nobody knows what they may point to.
      faults: problems.length > 0 ? problems : [...faultsOf(tables), ...names].filter(ofMeant),
      warnings: warningsOf(tables).filter(ofMeant),
      terms: own.map(termsOf),
    };
  } catch (error) {
    if (!(error instanceof InvalidContracts)) throw error;
    return { tables: 0, faults: error.problems, warnings: [], terms: [] };
  }
}
