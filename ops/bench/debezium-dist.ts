import { access, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from '../stack/finished.ts';
import { cacheFolder, verify } from '../stack/jars.ts';
import { requireMaven } from '../stack/java.ts';
import { locked } from '../stack/lock.ts';
import { StackTrouble } from '../stack/stack-trouble.ts';

export const debeziumVersion = '3.6.0.Final';

const archive = `debezium-server-dist-${debeziumVersion}.tar.gz`;
const sha256 = '901ce7b0b75b4dafaac4aa57dac6dfcad5937f96fb7159e25d22759bbf5192e4';

/** Returns the folder of Debezium Server, fetching it into the cache of downloads if it is not there. */
export async function debeziumDist(report: (line: string) => void): Promise<string> {
  const folder = join(cacheFolder(), `debezium-server-${debeziumVersion}-${sha256.slice(0, 8)}`);
  if (!(await exists(folder))) {
    await requireMaven();
    // One at a time: Maven's own local repository does not bear two writers.
    const waiting = { patienceMs: 1_800_000, onWait: () => {} };
    await locked(join(cacheFolder(), 'maven.lock'), waiting, async () => {
      if (!(await exists(folder))) await download(folder, report);
    });
  }
  return join(folder, 'debezium-server');
}

async function download(folder: string, report: (line: string) => void): Promise<void> {
  const temporary = `${folder}.partial`;
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true });
  report(`debezium   downloading 781 MB, once`);
  try {
    const artifact = `io.debezium:debezium-server-dist:${debeziumVersion}:tar.gz`;
    const args = ['-B', 'dependency:copy', `-Dartifact=${artifact}`];
    await finished({ command: 'mvn', args: [...args, `-DoutputDirectory=${temporary}`] });
    await verify(temporary, new Map([[archive, sha256]]));
    await finished({ command: 'tar', args: ['-xzf', join(temporary, archive), '-C', temporary] });
    await rm(join(temporary, archive));
    await rename(temporary, folder);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StackTrouble(`could not fetch Debezium Server ${debeziumVersion}: ${why}`, { cause });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
