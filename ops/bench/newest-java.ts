import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from '../stack/finished.ts';
import { parseJavaVersion } from '../stack/java.ts';
import { StackTrouble } from '../stack/stack-trouble.ts';

/** Finds the newest Java of this machine that is at least `oldest`. */
export async function newestJava(oldest: number): Promise<string> {
  const folder = '/usr/lib/jvm';
  const installed = (await readdir(folder).catch(() => [])).map((name) =>
    join(folder, name, 'bin', 'java'),
  );
  const home = process.env['JAVA_HOME'];
  const places = [...(home ? [join(home, 'bin', 'java')] : []), 'java', ...installed];
  const found = await Promise.all(
    places.map(async (java) => ({
      java,
      version: await finished({ command: java, args: ['-version'] }).then(
        parseJavaVersion,
        () => 0,
      ),
    })),
  );
  const [newest] = found.toSorted((a, b) => b.version - a.version);
  if (newest && newest.version >= oldest) return newest.java;
  throw new StackTrouble(
    `Java ${oldest} or newer is needed to run Debezium Server, and was not found.\n` +
      `  install it:    apt-get install openjdk-${oldest}-jre-headless, or Temurin\n` +
      `  or do without: conductor bench capture without --peer`,
  );
}
