import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CannotRun } from '../../contracts/cannot-run.ts';
import type { Head } from '../../processors/evidence.ts';
import { readEntries, readLeafHashes } from '../../pipelines/prove/tile-folder.ts';
import { parseCheckpoint } from '../../schemas/log-checkpoint.ts';
import type { Hash } from '../../schemas/merkle-tree.ts';
import { type Manifest, segmentName } from '../../schemas/stream-manifest.ts';

/** What lies in a log: an entry that claims a place, or a checkpoint. */
export type Written =
  | { readonly kind: 'claim'; readonly index: number; readonly entry: Buffer }
  | { readonly kind: 'checkpoint'; readonly text: string };

/** A log and what it proves, wherever they lie: nothing of it is trusted. */
export interface LogCopy extends AsyncDisposable {
  readonly written: AsyncIterable<Written>; // In the order in which it was written.
  readonly leafHashes: readonly Hash[]; // As the copy has them beside the entries; none if it has not.
  /** Segments whose records lie there, where that can be told without their manifests. */
  readonly segments: readonly string[];
  /** The bytes of a segment; `gone` where its topic does not keep so old records, null where they are missing. */
  segment(manifest: Manifest): Promise<Buffer | 'gone' | null>;
  /** How many records are there beyond what is proved of a stream. */
  unproved(head: Pick<Head, 'topic' | 'offsets'>): Promise<number>;
}

/** Where an export keeps the bytes of a segment. A table may be called as no file can be. */
export const segmentFile = ({ stream, number }: Pick<Manifest, 'stream' | 'number'>): string =>
  join('segments', segmentName({ stream: encodeURIComponent(stream), number }) + ending);

const ending = '.segment';

async function segmentsIn(folder: string): Promise<readonly string[]> {
  if (!existsSync(folder)) return [];
  const files = await readdir(folder, { recursive: true });
  return files
    .filter((file) => file.endsWith(ending))
    .map((file) => decoded(file.slice(0, -ending.length)))
    .toSorted();
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name; // None that an export has written: no manifest speaks of it.
  }
}

/** An export in a folder. Needs nothing else. */
export async function folderCopy(folder: string): Promise<LogCopy> {
  if (!existsSync(folder))
    throw new CannotRun({
      what: 'there is no such folder',
      where: folder,
      fix: 'name the folder of an export, as conductor verify provenance --export writes it',
    });
  const path = join(folder, 'checkpoint');
  const checkpoint = existsSync(path) ? await readFile(path, 'utf8') : '';
  const size = parseCheckpoint(checkpoint)?.size ?? 0;
  return {
    written: writtenIn(checkpoint, readEntries(folder, size)),
    leafHashes: readLeafHashes(folder, size),
    segments: await segmentsIn(join(folder, 'segments')),
    async segment(manifest) {
      const file = join(folder, segmentFile(manifest));
      return existsSync(file) ? readFile(file) : null;
    },
    unproved: async () => 0,
    async [Symbol.asyncDispose]() {},
  };
}

async function* writtenIn(text: string, entries: readonly Buffer[]): AsyncIterable<Written> {
  for (const [index, entry] of entries.entries()) yield { kind: 'claim', index, entry };
  yield { kind: 'checkpoint', text };
}
