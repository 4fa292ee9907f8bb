import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { faultsOf } from '../../contracts/odcs-checks.ts';
import { promisesIn, type Written } from '../../contracts/read-promises.ts';
import type { ProposedContract, ProposedContracts } from './propose.ts';

/** What becomes of a proposal: it is written, or what is there stays. */
export type Fate = 'written' | 'overwritten' | 'there' | 'equal';

/**
 * Writes what was proposed into a folder. What is there is overwritten only if somebody says so, and only where
 * its file has no other table; nothing is written that does not go together with the rest.
 */
export async function writeProposed(
  folder: string,
  { proposed, others }: ProposedContracts,
  { force }: { readonly force: boolean },
): Promise<ReadonlyMap<ProposedContract, Fate>> {
  const fates = new Map(proposed.map((each) => [each, fateOf(each, force)] as const));
  const files = proposed.filter((each) => isWritten(fates.get(each)));
  refuseShared(files, folder);
  const kept = others.filter(({ name }) => !files.some(({ file }) => file === name));
  refuseTaken(files, others, folder);
  refuseMisfits([...kept, ...files.map(({ file, text }) => ({ name: file, text }))], folder);
  await mkdir(folder, { recursive: true });
  for (const { file, text, changes } of files)
    await writeFile(join(folder, file), text, { flag: changes === null ? 'wx' : 'w' });
  return fates;
}

function fateOf({ changes }: ProposedContract, force: boolean): Fate {
  if (changes === null) return 'written';
  if (changes.length === 0) return 'equal';
  return force ? 'overwritten' : 'there';
}

const isWritten = (fate: Fate | undefined) => fate === 'written' || fate === 'overwritten';

function refuseShared(files: readonly ProposedContract[], folder: string): void {
  const shared = files.find(({ changes, isAlone }) => changes !== null && !isAlone);
  if (shared)
    throw new CannotRun({
      what: `${shared.file} has the contracts of other tables beside that of ${shared.proposal.table}; nothing was written`,
      where: folder,
      fix: 'give each table a file of its own, or take over by hand what --force would write',
    });
}

function refuseTaken(
  files: readonly ProposedContract[],
  others: readonly Written[],
  folder: string,
): void {
  const taken = files.find(
    ({ changes, file }) => changes === null && others.some(({ name }) => name === file),
  );
  if (taken)
    throw new CannotRun({
      what: `${taken.file} is there, and has another contract than that of ${taken.proposal.table}; nothing was written`,
      where: folder,
      fix: 'rename that file',
    });
}

function refuseMisfits(written: readonly Written[], folder: string): void {
  const { tables, problems } = promisesIn(written);
  const faults = problems.length > 0 ? problems : faultsOf(tables);
  if (faults.length === 0) return;
  throw new CannotRun({
    what: `the proposed contracts and those that are there do not go together; nothing was written:\n  ${faults.join('\n  ')}`,
    where: folder,
    fix: 'mend the contracts that are there, or propose those of the tables that are named too, with --force',
  });
}
