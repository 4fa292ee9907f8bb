import type pg from 'pg';
import { copyOut } from '../backfill/copy-out.ts';
import { Frames } from '../wal/frames.ts';

const copyData = 0x64;
const signatureBytes = 19; // And the two words behind it.

/** Hands on where each row of a binary `COPY … TO STDOUT` lies that has `fewest` bytes: the last message has none. */
export async function eachCopied(
  client: pg.Client,
  command: string,
  fewest: number,
  take: (data: Buffer, at: number) => void,
): Promise<void> {
  const frames = new Frames();
  let begun = false;
  for await (const { chunks, release } of copyOut(client, command)) {
    for (const chunk of chunks) {
      frames.feed(chunk);
      while (frames.next()) {
        if (frames.kind !== copyData) continue;
        const at = begun ? frames.start : frames.start + signatureBytes;
        begun = true;
        if (frames.end - at >= fewest) take(frames.data, at);
      }
    }
    release();
  }
}
