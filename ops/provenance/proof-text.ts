import { join } from 'node:path';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { TileFolder } from '../../pipelines/prove/tile-folder.ts';
import { inclusionProof, isIncluded, leafHash } from '../../schemas/merkle-tree.ts';
import { noteText, type Verifier } from '../../schemas/signed-note.ts';
import { signed } from './witness.ts';

/** An entry, and what shows that it is in the log: for somebody who has nothing else of it. */
export interface ProvedEntry {
  readonly entry: string;
  readonly proof: string; // C2SP tlog-proof: the index, the hashes beside its way to the root, the checkpoint.
}

/** Proves one entry of a log in a folder. */
export async function proveEntry(
  folder: string,
  log: Verifier,
  index: number,
): Promise<ProvedEntry> {
  const checkpoint = await signed(join(folder, 'checkpoint'), log);
  if (index >= checkpoint.size)
    throw new CannotRun({
      what: `the log has ${checkpoint.size} entries, and none at ${index}`,
      where: folder,
      fix: `say an index from 0 to ${checkpoint.size - 1}`,
    });
  const tiles = TileFolder.open(folder, checkpoint.size);
  const entry = tiles.entryAt(index);
  const hashes = inclusionProof(index, checkpoint.size, tiles.subtree);
  if (!entry || !isIncluded(checkpoint, index, leafHash(entry), hashes))
    throw new CannotRun({
      what: `entry ${index} is not the one that the checkpoint has there`,
      where: folder,
      fix: 'have prove make the folder anew from the topic: stop it, remove the folder, start it again',
    });
  const lines = [
    'c2sp.org/tlog-proof@v1',
    `index ${index}`,
    ...hashes.map((each) => each.toString('base64')),
    '',
    noteText(checkpoint.note),
  ];
  return { entry: entry.toString(), proof: lines.join('\n') };
}
