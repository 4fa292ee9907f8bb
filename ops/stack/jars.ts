import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { StackTrouble } from './stack-trouble.ts';
import { finished } from './finished.ts';
import { locked } from './lock.ts';

/** A server that is fetched by Maven. */
export interface Package {
  readonly name: 'kafka' | 'registry' | 'neo4j';
  readonly version: string;
  /** The Maven goal that puts its files into a folder. */
  readonly goal: 'dependency:copy-dependencies' | 'dependency:copy';
  readonly megabytes: number;
}

/** The servers that come as jars. */
export const packages = {
  kafka: { name: 'kafka', version: '4.1.0', goal: 'dependency:copy-dependencies', megabytes: 43 },
  registry: { name: 'registry', version: '3.0.9', goal: 'dependency:copy', megabytes: 104 },
  neo4j: { name: 'neo4j', version: '5.26.0', goal: 'dependency:copy-dependencies', megabytes: 128 },
} as const satisfies Record<Package['name'], Package>;

/** Where downloads are kept, shared by all checkouts of a user. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env['CONDUCTOR_CACHE']) return env['CONDUCTOR_CACHE'];
  return join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'conductor');
}

/** Says whether a package is in the cache already. */
export async function isCached(wanted: Package): Promise<boolean> {
  return exists(await folderOf(wanted));
}

/**
 * Returns the folder with a package's files, fetching them if they are not in the cache. A folder
 * appears in the cache only whole and only after every file has matched its committed checksum.
 */
export async function fetchJars(wanted: Package, report: (line: string) => void): Promise<string> {
  const folder = await folderOf(wanted);
  if (await exists(folder)) return folder;
  // One at a time: Maven's own local repository does not bear two writers.
  const waiting = { patienceMs: 600_000, onWait: () => undefined };
  await locked(join(cacheFolder(), 'maven.lock'), waiting, async () => {
    if (!(await exists(folder))) await download(wanted, folder, report);
  });
  return folder;
}

/** Reads lines of `<sha256>  <package>-<version>/<file>` and keeps one package's. */
export function parseChecksums(text: string, wanted: Package): ReadonlyMap<string, string> {
  const prefix = `${wanted.name}-${wanted.version}/`;
  const entries = text
    .split('\n')
    .map((line) => line.split('  '))
    .flatMap(([sum, path]): [string, string][] =>
      sum && path?.startsWith(prefix) ? [[path.slice(prefix.length), sum]] : [],
    );
  return new Map(entries);
}

/** Compares a folder with the committed checksums, both ways, and names the first difference. */
export async function verify(folder: string, sums: ReadonlyMap<string, string>): Promise<void> {
  const files = await readdir(folder);
  const strange = files.find((file) => !sums.has(file));
  if (strange) throw new StackTrouble(`${strange} was downloaded but is not listed in jars.sha256`);
  for (const [file, sum] of sums) {
    if (!files.includes(file))
      throw new StackTrouble(`${file} is listed in jars.sha256 but did not come`);
    const hash = createHash('sha256');
    await pipeline(createReadStream(join(folder, file)), hash);
    const actual = hash.digest('hex');
    if (actual !== sum) {
      throw new StackTrouble(
        `${file} has sha256 ${actual}, expected ${sum}: a damaged or altered download. ` +
          `Remove it from Maven's local repository and try again`,
      );
    }
  }
}

async function download(
  wanted: Package,
  folder: string,
  report: (line: string) => void,
): Promise<void> {
  const sums = await checksums(wanted);
  const temporary = `${folder}.partial.${process.pid}`;
  await sweep(folder);
  await mkdir(temporary, { recursive: true });
  report(`${wanted.name} downloading ${sums.size} files, ${wanted.megabytes} MB, once`);
  let done = 0;
  const onLine = (line: string) => {
    if (!/^\[INFO\] Copying .* to /.test(line) && !/Downloaded .*\.(jar|tar\.gz) /.test(line))
      return;
    done = Math.min(done + 1, sums.size);
    if (done % 20 === 0 || done === sums.size) report(`${wanted.name} ${done}/${sums.size} jars`);
  };
  const pom = fileURLToPath(new URL(`./poms/${wanted.name}.xml`, import.meta.url));
  const args = ['-B', '-f', pom, wanted.goal, `-DoutputDirectory=${temporary}`];
  try {
    await finished({ command: 'mvn', args: [...args, '-DincludeScope=runtime'], onLine });
    await verify(temporary, sums);
    for (const archive of [...sums.keys()].filter((file) => file.endsWith('.tar.gz'))) {
      await finished({ command: 'tar', args: ['-xzf', join(temporary, archive), '-C', temporary] });
      await rm(join(temporary, archive));
    }
    await rename(temporary, folder);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StackTrouble(`could not fetch ${wanted.name} ${wanted.version}: ${why}`, { cause });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** What a download that was killed left behind. */
async function sweep(folder: string): Promise<void> {
  const stale = (await readdir(cacheFolder())).filter((name) =>
    name.startsWith(`${basename(folder)}.partial.`),
  );
  for (const name of stale) await rm(join(cacheFolder(), name), { recursive: true, force: true });
}

/** The list's own digest is part of the name, so that a changed list never meets old files. */
async function folderOf(wanted: Package): Promise<string> {
  const sums = await checksums(wanted);
  const digest = createHash('sha256')
    .update(JSON.stringify([...sums]))
    .digest('hex')
    .slice(0, 8);
  return join(cacheFolder(), `${wanted.name}-${wanted.version}-${digest}`);
}

async function checksums(wanted: Package): Promise<ReadonlyMap<string, string>> {
  const text = await readFile(new URL('./jars.sha256', import.meta.url), 'utf8');
  return parseChecksums(text, wanted);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
