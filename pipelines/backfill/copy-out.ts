import type { Socket } from 'node:net';
import pg from 'pg';
import { postgresLogin } from '../../contracts/postgres-login.ts';
import { CopySocket } from './copy-socket.ts';
import { backendOf, isWorking, lookEveryMs, silent, watchSilence } from './silence.ts';
import { complaint } from '../wal/frames.ts';
import { loginMs, probeAfterMs } from '../wal/own-pool.ts';
import { connectUnhurried, sessionOptions } from '../wal/session.ts';

/** The parts of `pg`'s client that are not in its types. */
interface Wired {
  readonly connection: { readonly stream: Socket };
  readonly readyForQuery: boolean; // And none is under way.
}

const sockets = new WeakMap<pg.Client, { readonly own: CopySocket; readonly answerMs: number }>();

/**
 * A connection for copying, its values in the same text as the WAL's. A server may be silent for as long as it
 * works on what it was asked, as long as others hold their locks; or for `answerMs`.
 */
export async function copyClient(
  url: string,
  answerMs = 0,
  lookMs = lookEveryMs,
): Promise<pg.Client> {
  const own = new CopySocket();
  const client = new pg.Client({
    ...postgresLogin(url),
    stream: () => own.socket,
    application_name: 'conductor backfill',
    options: sessionOptions('row_security=off'), // An error where a policy would leave rows out.
    keepAlive: true,
    keepAliveInitialDelayMillis: probeAfterMs,
    connectionTimeoutMillis: loginMs,
    query_timeout: answerMs,
  } as pg.ClientConfig);
  sockets.set(client, { own, answerMs });
  client.on('error', () => {}); // What is under way rejects.
  await connectUnhurried(client);
  if (answerMs === 0) await watch(client, { url, own, lookMs });
  return client;
}

async function watch(
  client: pg.Client,
  { url, own, lookMs }: { readonly url: string; readonly own: CopySocket; readonly lookMs: number },
): Promise<void> {
  const wired = client as unknown as Wired;
  const { stream } = wired.connection;
  const backend = await backendOf(client).catch((error: unknown) => {
    stream.destroy();
    throw error;
  });
  const isAsked = () => own.isTaken || !wired.readyForQuery;
  const asked = {
    heard: () => (isAsked() && !own.isResting ? stream.bytesRead : null),
    isWorking: () => isWorking(url, backend),
    giveUp: () => stream.destroy(silent(url)),
  };
  client.once('end', watchSilence(asked, lookMs));
}

/** Ends a connection at once, whatever it waits for. */
export const cutOff = (client: pg.Client): void => {
  (client as unknown as Wired).connection.stream.destroy();
};

/**
 * Runs `COPY … TO STDOUT` and gives the bytes of its messages as they come, whole messages only. While
 * it runs the socket is read directly, for a client's event per row costs more than the row.
 */
export async function* copyOut(client: pg.Client, command: string): AsyncIterable<CopyGulp> {
  const copying = sockets.get(client);
  if (!copying) throw new TypeError('a copy wants a client that was made for copying');
  const socket = (client as unknown as Wired).connection.stream;
  const { own, answerMs } = copying;
  const giveBack = own.takeOver(socket, answerMs);
  try {
    const text = Buffer.from(`${command}\0`);
    const head = Buffer.alloc(5);
    head.write('Q');
    head.writeInt32BE(text.length + 4, 1);
    socket.write(Buffer.concat([head, text]));
    yield* gulps(own);
  } finally {
    giveBack();
  }
}

/** Whole messages and parts of them, as the server sent them. */
export interface CopyGulp {
  readonly chunks: readonly Buffer[];
  /** Says that all of it was used: it may be written over. */
  readonly release: () => void;
}

const errorResponse = 0x45;
const readyForQuery = 0x5a;

async function* gulps(own: CopySocket): AsyncIterable<CopyGulp> {
  const walk = new Walk();
  for (;;) {
    const chunks = await own.take();
    for (const chunk of chunks) walk.over(chunk);
    const release = () => {
      for (const chunk of chunks) own.release(chunk);
    };
    if (walk.failure) release();
    else yield { chunks, release };
    if (walk.failure && walk.hasEnded) throw walk.failure;
    if (walk.hasEnded) return;
  }
}

const headBytes = 5;

/** Goes over messages from head to head, however they are cut, and keeps none but a complaint. */
class Walk {
  failure: Error | null = null;
  hasEnded = false;
  readonly #head = Buffer.alloc(headBytes);
  #headFilled = 0;
  #left = 0; // Of the message's body.
  #complaint: Buffer[] | null = null;

  over(chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#headFilled < headBytes) {
        const missing = headBytes - this.#headFilled;
        const length = chunk.length - at;
        if (this.#headFilled === 0 && length >= headBytes) {
          this.#begin(chunk[at] ?? 0, chunk.readInt32BE(at + 1));
          at += headBytes;
        } else {
          chunk.copy(this.#head, this.#headFilled, at, at + missing);
          this.#headFilled += Math.min(missing, length);
          at += Math.min(missing, length);
          if (this.#headFilled === headBytes)
            this.#begin(this.#head[0] ?? 0, this.#head.readInt32BE(1));
        }
      }
      if (this.#headFilled < headBytes) continue;
      const end = Math.min(chunk.length, at + this.#left);
      this.#complaint?.push(Buffer.from(chunk.subarray(at, end)));
      this.#left -= end - at;
      at = end;
      if (this.#left === 0) this.#finish();
    }
  }

  #begin(kind: number, length: number): void {
    this.#headFilled = headBytes;
    this.#left = length - 4;
    if (kind === errorResponse) this.#complaint = [];
    if (kind === readyForQuery) this.hasEnded = true;
  }

  #finish(): void {
    this.#headFilled = 0;
    if (!this.#complaint) return;
    const whole = Buffer.concat(this.#complaint);
    this.#complaint = null;
    this.failure = complaint(whole, 0, whole.length);
  }
}
