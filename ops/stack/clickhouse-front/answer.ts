import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { createBrotliCompress, createDeflate, createGzip, createZstdCompress } from 'node:zlib';
import type { Piece, Written } from './engine.ts';
import type { Outcome } from './execute.ts';
import { contentType } from './formats.ts';
import type { Question } from './question.ts';

/** Sends what came of a question; nothing is sent before the first rows are there, so that an error keeps its status. */
export async function answer(
  response: ServerResponse,
  question: Question,
  outcome: Outcome,
  begun: bigint,
): Promise<void> {
  if (outcome.kind === 'written') {
    response.setHeader('Content-Type', 'text/plain; charset=UTF-8');
    response.setHeader('X-ClickHouse-Summary', summary({ written: outcome.written, begun }));
    response.end();
    return;
  }
  const pieces = outcome.pieces[Symbol.asyncIterator]();
  const first = await pieces.next();
  const ends = outcome.whole || first.done === true;
  response.setHeader('Content-Type', contentType(outcome.format));
  response.setHeader('X-ClickHouse-Format', outcome.format);
  const read = first.done ? undefined : first.value;
  response.setHeader('X-ClickHouse-Summary', summary({ read, begun }));
  if (first.done || (ends && !question.compression)) {
    response.end(first.done ? undefined : first.value.bytes);
    return;
  }
  const out = compressed(response, question.compression);
  try {
    let piece: IteratorResult<Piece, unknown> = first;
    while (!piece.done) {
      if (response.destroyed) return;
      if (!out.write(piece.value.bytes)) await drained(out, response);
      piece = await pieces.next();
    }
    out.end();
    await finished(response).catch(() => undefined);
  } finally {
    await pieces.return?.();
  }
}

interface Account {
  readonly written?: Written | undefined;
  readonly read?: Piece | undefined;
  readonly begun: bigint;
}

/** What is known when the answer begins, in ClickHouse's own shape: all numbers as strings. */
function summary({ written, read, begun }: Account): string {
  const rows = `${read?.rows ?? written?.rows ?? 0}`;
  const bytes = `${read?.bytes.length ?? written?.bytes ?? 0}`;
  return JSON.stringify({
    read_rows: rows,
    read_bytes: bytes,
    written_rows: `${written?.rows ?? 0}`,
    written_bytes: `${written?.bytes ?? 0}`,
    total_rows_to_read: '0',
    result_rows: rows,
    result_bytes: bytes,
    elapsed_ns: `${process.hrtime.bigint() - begun}`,
  });
}

function compressed(response: ServerResponse, compression: Question['compression']): Writable {
  if (compression === null) return response;
  const make = {
    gzip: createGzip,
    deflate: createDeflate,
    br: createBrotliCompress,
    zstd: createZstdCompress,
  }[compression];
  response.setHeader('Content-Encoding', compression);
  const encoder = make();
  encoder.pipe(response);
  return encoder;
}

/** Until the client has taken what it was sent, or gone away. */
async function drained(out: Writable, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  const leave = () => gone.abort();
  response.once('close', leave);
  try {
    if (!response.destroyed) await once(out, 'drain', { signal: gone.signal });
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  } finally {
    response.off('close', leave);
  }
}
