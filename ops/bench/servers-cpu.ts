import { join } from 'node:path';
import { readRecord } from '../stack/record.ts';
import { usageOf } from './proc.ts';
import type { Site } from './site.ts';

/** CPU seconds that each server of a site has used so far, with the children that it has or had. */
export async function serverPartsCpuS({
  home,
}: Pick<Site, 'home'>): Promise<Readonly<Record<string, number>>> {
  const record = await readRecord(join(home, 'stack.json'));
  return Object.fromEntries(
    Object.entries(record?.parts ?? {}).flatMap(([name, { process }]) =>
      process ? [[name, usageOf(process.pid)?.cpuS ?? 0]] : [],
    ),
  );
}

/** CPU seconds that the servers of a site have used so far, together. */
export async function serversCpuS(site: Pick<Site, 'home'>): Promise<number> {
  return Object.values(await serverPartsCpuS(site)).reduce((sum, cpuS) => sum + cpuS, 0);
}
