import { join } from 'node:path';
import { readRecord } from '../stack/record.ts';
import { usageOf } from './proc.ts';
import type { Site } from './site.ts';

/** CPU seconds that the servers of a site have used so far, with the children that they have or had. */
export async function serversCpuS({ home }: Pick<Site, 'home'>): Promise<number> {
  const record = await readRecord(join(home, 'stack.json'));
  const processes = Object.values(record?.parts ?? {}).flatMap(({ process }) => process ?? []);
  return processes.reduce((sum, { pid }) => sum + (usageOf(pid)?.cpuS ?? 0), 0);
}
