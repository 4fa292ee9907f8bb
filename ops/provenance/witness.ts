import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { TileFolder, writeWhole } from '../../pipelines/prove/tile-folder.ts';
import { parseCheckpoint, type SaidCheckpoint } from '../../schemas/log-checkpoint.ts';
import { consistencyProof, isConsistent } from '../../schemas/merkle-tree.ts';
import { cosignedBy, hasSigned, noteText, type Verifier } from '../../schemas/signed-note.ts';
import type { SigningKey } from '../../schemas/signing-key.ts';

interface Witness {
  readonly name: string;
  readonly key: SigningKey;
  readonly log: Verifier; // The key with which the log signs now.
  readonly folder: string;
  readonly kept: string; // The file of the checkpoint that was cosigned last.
}

/**
 * Signs the log's checkpoint as a witness, if the log still begins with all that was signed before, and
 * keeps it. A log that was rewritten finds no witness who has seen the other. What was kept counts by the
 * witness's own signature: the log may have another key since.
 */
export async function cosign({ name, key, log, folder, kept }: Witness): Promise<SaidCheckpoint> {
  const checkpoint = await signed(join(folder, 'checkpoint'), log);
  if (existsSync(kept)) {
    const before = await keptBy({ name, kind: 'witness', key }, kept, log.name);
    const tiles = TileFolder.open(folder, checkpoint.size);
    const proof =
      before.size <= checkpoint.size
        ? consistencyProof(before.size, checkpoint.size, tiles.subtree)
        : [];
    if (!isConsistent(before, checkpoint, proof))
      throw new CannotRun({
        what: `the log of ${checkpoint.size} entries does not begin with the ${before.size} that were signed before: it was rewritten`,
        where: folder,
        fix: `keep ${kept} and a copy of the folder: together they show it; sign nothing more of this log`,
      });
  }
  const { note } = checkpoint;
  const second = Math.floor(Date.now() / 1_000);
  const signatures = [...note.signatures, cosignedBy(name, key, note.text, second)];
  writeWhole(kept, noteText({ ...note, signatures }));
  return checkpoint;
}

async function keptBy(witness: Verifier, kept: string, log: string): Promise<SaidCheckpoint> {
  const before = parseCheckpoint(await readFile(kept, 'utf8'));
  if (before?.origin === log && hasSigned(witness, before.note)) return before;
  throw new CannotRun({
    what: `it is no checkpoint of ${log} that ${witness.name} has signed with this key`,
    where: kept,
    fix: 'name the file that this witness keeps of this log; one that is not there is begun, and knows nothing of what was signed before',
  });
}

/** Reads a checkpoint that the log has signed. */
export async function signed(path: string, log: Verifier): Promise<SaidCheckpoint> {
  const checkpoint = parseCheckpoint(await readFile(path, 'utf8'));
  if (checkpoint?.origin === log.name && hasSigned(log, checkpoint.note)) return checkpoint;
  throw new CannotRun({
    what: `it is no checkpoint that ${log.name} has signed with the key that is trusted`,
    where: path,
    fix: 'look for another copy of the log; if its key was rotated, trust the new one with --keys',
  });
}
