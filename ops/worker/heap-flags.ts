import { readFileSync } from 'node:fs';

/** What keeps a worker's heap small, as the launcher of `conductor run` sets it too: a pipeline's own, or those of any. */
export function heapFlags(pipeline: string): readonly string[] {
  const file = new URL('../../bin/worker-flags.json', import.meta.url);
  const flags = JSON.parse(readFileSync(file, 'utf8')) as Flags;
  return flags[pipeline] ?? flags.any;
}

interface Flags {
  readonly any: readonly string[];
  readonly [pipeline: string]: readonly string[] | undefined;
}
