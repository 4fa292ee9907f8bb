import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Duplex, Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { once } from 'node:events';
import { randomUUID } from 'node:crypto';
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from 'node:zlib';
import { Refused } from './errors.ts';

/** The decompressed body of a request: its beginning in memory, and all of it in a file if it is long. */
export interface Body {
  readonly head: Buffer;
  /** Null if `head` is all there is. */
  readonly file: string | null;
  dispose(): Promise<void>;
}

/** Reads a body; no more than `limit` bytes of it are held in memory. */
export async function readBody(
  request: IncomingMessage,
  spool: string,
  limit: number,
): Promise<Body> {
  const source = decompressed(request);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of source.iterator({ destroyOnReturn: false })) {
    const bytes: Buffer = chunk;
    chunks.push(bytes);
    size += bytes.length;
    if (size > limit) return spill(Buffer.concat(chunks), source, spool);
  }
  return { head: Buffer.concat(chunks), file: null, dispose: () => Promise.resolve() };
}

async function spill(head: Buffer, rest: Readable, spool: string): Promise<Body> {
  const file = join(spool, randomUUID());
  const dispose = () => rm(file, { force: true });
  const writer = createWriteStream(file, { mode: 0o600 });
  try {
    writer.write(head);
    for await (const chunk of rest) if (!writer.write(chunk)) await once(writer, 'drain');
    writer.end();
    await finished(writer);
  } catch (error) {
    writer.destroy();
    await dispose();
    throw error;
  }
  return { head, file, dispose };
}

function decompressed(request: IncomingMessage): Readable {
  const decoder = decoderFor(request.headers['content-encoding']);
  if (!decoder) return request;
  request.once('error', (error) => decoder.destroy(error));
  request.once('aborted', () => decoder.destroy(new Error('the client went away')));
  return request.pipe(decoder);
}

function decoderFor(encoding: string | undefined): Duplex | null {
  switch (encoding?.toLowerCase()) {
    case undefined:
    case '':
    case 'identity':
      return null;
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'deflate':
      return createInflate();
    case 'br':
      return createBrotliDecompress();
    case 'zstd':
      return createZstdDecompress();
    default:
      throw new Refused('NOT_IMPLEMENTED', `Content-Encoding ${encoding} is not supported here`);
  }
}
