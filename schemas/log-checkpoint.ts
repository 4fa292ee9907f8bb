import type { Tree } from './merkle-tree.ts';
import { type Note, noteText, parseNote, signedBy } from './signed-note.ts';
import type { SigningKey } from './signing-key.ts';

/** What a log says that it holds: how many entries, and the root of their tree (C2SP tlog-checkpoint). */
export interface LogCheckpoint extends Tree {
  readonly origin: string; // The name of the log.
}

/** A checkpoint, and the note that says it. */
export interface SaidCheckpoint extends LogCheckpoint {
  readonly note: Note;
}

/** The signed text of a checkpoint. */
export function signedCheckpoint({ origin, size, root }: LogCheckpoint, key: SigningKey): string {
  const text = `${origin}\n${size}\n${root.toString('base64')}\n`;
  return noteText({ text, signatures: [signedBy(origin, key, text)] });
}

/** Reads a checkpoint, whoever signed it; null if it is none. */
export function parseCheckpoint(written: string): SaidCheckpoint | null {
  const note = parseNote(written);
  if (!note) return null;
  const [origin, size, root] = note.text.split('\n');
  if (!origin || !size || !/^(?:0|[1-9]\d{0,15})$/.test(size) || !root) return null;
  const bytes = Buffer.from(root, 'base64');
  if (bytes.length !== 32 || bytes.toString('base64') !== root) return null;
  return { origin, size: Number(size), root: bytes, note };
}
