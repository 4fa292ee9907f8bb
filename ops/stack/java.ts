import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { StackTrouble } from './stack-trouble.ts';
import { finished } from './finished.ts';

const oldest = 17;
// Neo4j 5 is supported on Java 17 and 21 only: a newer one is taken if there is nothing else.
const newestSupported = 21;

/** Finds a Java that runs every part; if there is none, says which package to install. */
export async function findJava(): Promise<string> {
  const usual = ['java'];
  const home = process.env['JAVA_HOME'];
  if (home) usual.unshift(join(home, 'bin', 'java'));
  let spare: string | null = null;
  for (const places of [usual, await installed()]) {
    for (const java of places) {
      const version = await majorVersion(java);
      if (version >= oldest && version <= newestSupported) return java;
      if (version >= oldest) spare ??= java;
    }
  }
  if (spare !== null) return spare;
  throw new StackTrouble(missing(`Java ${oldest} or newer`, 'openjdk-17-jre-headless'));
}

/** Makes sure that Maven is there to fetch what is not yet in the cache. */
export async function requireMaven(): Promise<void> {
  try {
    await finished({ command: 'mvn', args: ['--version'] });
  } catch {
    throw new StackTrouble(missing('Maven', 'maven'));
  }
}

/** Reads the major version out of what `java -version` prints; 0 if it is something else. */
export function parseJavaVersion(output: string): number {
  const version = /version "(\d+)(?:\.(\d+))?/.exec(output);
  return Number((version?.[1] === '1' ? version[2] : version?.[1]) ?? 0);
}

function missing(what: string, debian: string): string {
  return (
    `${what} is needed to run Kafka, the registry and Neo4j, and was not found.\n` +
    `  install it:     apt-get install ${debian === 'maven' ? 'maven' : `${debian} maven`}\n` +
    `                  (macOS: brew install openjdk@17 maven)\n` +
    `  or use Docker:  conductor up --provider docker`
  );
}

async function majorVersion(java: string): Promise<number> {
  try {
    return parseJavaVersion(await finished({ command: java, args: ['-version'] }));
  } catch {
    return 0;
  }
}

async function installed(): Promise<readonly string[]> {
  const roots = [
    { folder: '/usr/lib/jvm', inside: 'bin/java' },
    { folder: '/Library/Java/JavaVirtualMachines', inside: 'Contents/Home/bin/java' },
  ];
  const found = await Promise.all(
    roots.map(async ({ folder, inside }) => {
      const names = await readdir(folder).catch(() => []);
      return names.toSorted((a, b) => a.localeCompare(b)).map((name) => join(folder, name, inside));
    }),
  );
  return found.flat();
}
