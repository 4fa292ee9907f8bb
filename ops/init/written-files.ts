import { access, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { faultsOf } from '../../contracts/odcs-checks.ts';
import { InvalidContracts, readDocument } from '../../contracts/odcs-document.ts';

/** A file that is to be written; its path is from the folder that was named. */
export interface Planned {
  readonly path: string;
  readonly text: string;
}

export const contractsFolder = join('contracts', 'tables');

/** Names a contract's file after its table, whatever its name is made of, and no two alike on any file system. */
export function fileNames(tables: readonly string[]): ReadonlyMap<string, string> {
  const taken = new Set<string>();
  const names = new Map<string, string>();
  for (const table of tables) {
    const plain = table.normalize('NFC').replaceAll(/[^\p{L}\p{M}\p{N}_.-]/gu, '-');
    const safe = plain.replace(/^[.-]/, '_');
    let name = safe;
    for (let n = 2; taken.has(name.toLowerCase()); n++) name = `${safe}-${n}`;
    taken.add(name.toLowerCase());
    names.set(table, join(contractsFolder, `${name}.yaml`));
  }
  return names;
}

/** Writes all files or, where one is there already and may not be replaced, none. */
export async function writeAll(
  folder: string,
  files: readonly Planned[],
  { force }: { readonly force: boolean },
): Promise<void> {
  if (!force) await refuseOverwriting(folder, files);
  await refuseMisfits(folder, files);
  for (const { path, text } of files) {
    const place = join(folder, path);
    try {
      await mkdir(dirname(place), { recursive: true });
      await writeFile(place, text, { flag: force ? 'w' : 'wx' });
    } catch (cause) {
      throw new CannotRun(
        {
          what: `${path} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`,
          where: `the folder ${folder}`,
          fix: 'name a folder that you may write to with --out; what was written before it may be overwritten with --force',
        },
        { cause },
      );
    }
  }
}

const mostNamed = 10;

async function refuseOverwriting(folder: string, files: readonly Planned[]): Promise<void> {
  const there: string[] = [];
  for (const { path } of files) {
    const found = await access(join(folder, path)).then(
      () => true,
      () => false,
    );
    if (found) there.push(path);
  }
  if (there.length === 0) return;
  const more = there.length > mostNamed ? ` and ${there.length - mostNamed} more` : '';
  throw new CannotRun({
    what: `there already: ${there.slice(0, mostNamed).join(', ')}${more}; nothing was written`,
    where: `the folder ${folder}`,
    fix: 'name another folder with --out, or overwrite them with --force',
  });
}

/** Contracts are right or wrong together: those that are in the folder already are part of it. */
async function refuseMisfits(folder: string, files: readonly Planned[]): Promise<void> {
  const place = join(folder, contractsFolder);
  const ours = files.filter(({ path }) => dirname(path) === contractsFolder);
  const present = await readdir(place).catch(() => []);
  const others = present
    .filter((name) => /\.ya?ml$/.test(name))
    .filter((name) => !ours.some(({ path }) => path === join(contractsFolder, name)));
  const all = [
    ...ours,
    ...(await Promise.all(
      others.map(async (name) => ({
        path: join(contractsFolder, name),
        text: await readFile(join(place, name), 'utf8'),
      })),
    )),
  ];
  const faults = contractFaults(all);
  if (faults.length === 0) return;
  const more = faults.length > mostNamed ? `\n  and ${faults.length - mostNamed} more` : '';
  throw new CannotRun({
    what: `the proposed contracts and those in ${contractsFolder} do not go together; nothing was written:\n  ${faults.slice(0, mostNamed).join('\n  ')}${more}`,
    where: `the folder ${place}`,
    fix: 'name another folder with --out, or move the contracts that are there away',
  });
}

function contractFaults(files: readonly Planned[]): readonly string[] {
  try {
    return faultsOf(files.flatMap(({ path, text }) => readDocument(text, path)));
  } catch (error) {
    if (error instanceof InvalidContracts) return error.problems;
    throw error;
  }
}
