import { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { Pace } from './pace.ts';

const gulpBytes = 1_536 * 1024; // The most that one read brings.
const chunkBytes = 64 * 1024; // More than TLS brings at once: a record.
const backlogFrom = 16 * 1024; // A read that brings so much,
const backlogRate = 6 * 1024; // and so much for every millisecond since the one before, shows that the server has more to say.
const fullFrom = gulpBytes * 0.75; // The server is far ahead: no rest is needed.
const lingerBytes = 256 * 1024; // What may come while it lingers.
const partMs = 1_000;

/**
 * A socket that is read one gulp at a time into one buffer: it rests until the gulp was used. With a
 * backlog it rests longer, for a server that finds room in the socket sends every message by itself, and
 * both sides work for little else; what it finds full takes many at once. In a steady flow of small commits
 * it lingers, so that a few are taken at a time: every read wakes three processes, and one of them is the
 * source's.
 */
export class Gulp {
  readonly #lingerMs: number;
  readonly #pace = new Pace();
  readonly socket: Socket; // As `pg` is to use it; over it, what speaks TLS.
  readonly #buffer = Buffer.allocUnsafeSlow(gulpBytes);
  #chunks: Buffer[] = []; // What TLS has brought since the last gulp: many records, for each may hold one message.
  #chunksBytes = 0;
  #stream: Socket | null = null; // Ours, once it was taken over.
  #filled: Buffer | null = null;
  #used = true; // Whether the gulp that was taken last may be written over.
  #backlog = false;
  #parting = false; // What still comes is not read.
  #restMs = 0; // Before the next read.
  #arrivedMs = 0;
  #failure: Error | null = null;
  #arrival = Promise.withResolvers<void>();

  constructor(lingerMs: number) {
    this.#lingerMs = lingerMs;
    this.socket = new Socket({
      onread: { buffer: this.#buffer, callback: (bytes) => this.#read(bytes) },
    });
  }

  get hasBacklog(): boolean {
    return this.#backlog;
  }

  /** From here on whatever arrives is for `take`. `stream` is the socket itself, or TLS over it. */
  takeOver(stream: Socket): void {
    this.#stream = stream;
    stream.removeAllListeners('data');
    stream.removeAllListeners('end');
    if (stream !== this.socket) stream.on('data', (chunk: Buffer) => this.#collect(stream, chunk));
    stream.on('error', (error) => this.#fail(error));
    stream.on('close', () => this.#fail(new Error('the server closed the replication connection')));
  }

  async take(signal: AbortSignal, patienceMs: number): Promise<Buffer | null> {
    if (!this.#used) {
      this.#used = true;
      // It lingers from read to read, and rests from use to read.
      const restMs = this.#restMs - (this.#backlog ? 0 : performance.now() - this.#arrivedMs);
      if (restMs > 0 && patienceMs > 0) await new Promise((resolve) => setTimeout(resolve, restMs));
      this.#stream?.resume();
    }
    const isEmpty = !this.#filled && this.#chunks.length === 0;
    if (isEmpty && !this.#failure && patienceMs > 0) {
      const stop = () => this.#arrival.resolve();
      const timer = setTimeout(stop, patienceMs);
      signal.addEventListener('abort', stop, { once: true });
      await this.#arrival.promise;
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      if (this.#chunks.length > 0) await turn(); // The records that came with the first are told one by one.
    }
    if (this.#chunks.length > 0) this.#arrived(this.#collected());
    this.#arrival = Promise.withResolvers();
    const gulp = this.#filled;
    if (!gulp && this.#failure) throw this.#failure;
    this.#filled = null;
    if (gulp) this.#used = false;
    return gulp;
  }

  nudge(): void {
    this.#arrival.resolve();
  }

  /** Says its last words and waits until the server has hung up, so that they are heard; not for long. */
  async part(words: Buffer): Promise<void> {
    const stream = this.#stream;
    if (!stream?.writable) return;
    this.#parting = true;
    const gone = new Promise((resolve) => stream.once('close', resolve));
    stream.end(words);
    stream.resume();
    const timer = setTimeout(() => stream.destroy(), partMs);
    await gone;
    clearTimeout(timer);
  }

  stop(): void {
    (this.#stream ?? this.socket).destroy();
    this.socket.destroy();
  }

  /** What the socket itself read: `pg`'s as long as it logs in, then ours. */
  #read(bytes: number): boolean {
    if (this.#stream !== this.socket) {
      this.socket.emit('data', Buffer.from(this.#buffer.subarray(0, bytes)));
      return true;
    }
    if (this.#parting) return true;
    this.#arrived(this.#buffer.subarray(0, bytes));
    return false;
  }

  /** Goes on collecting while a gulp is in use, up to as much as the next one may hold. */
  #collect(stream: Socket, chunk: Buffer): void {
    if (this.#parting) return;
    this.#chunks.push(chunk);
    this.#chunksBytes += chunk.length;
    if (this.#chunksBytes > gulpBytes - chunkBytes) stream.pause();
    this.#arrival.resolve();
  }

  /** All that was collected, in the buffer that the socket under TLS does not use. */
  #collected(): Buffer {
    const bytes = this.#chunksBytes;
    const gulp = bytes <= gulpBytes ? this.#buffer.subarray(0, bytes) : Buffer.allocUnsafe(bytes);
    let at = 0;
    for (const chunk of this.#chunks) at += chunk.copy(gulp, at);
    this.#chunks = [];
    this.#chunksBytes = 0;
    return gulp;
  }

  #arrived(gulp: Buffer): void {
    this.#filled = gulp;
    const nowMs = performance.now();
    const sinceMs = Math.max(nowMs - this.#arrivedMs, 1);
    this.#arrivedMs = nowMs;
    this.#backlog =
      gulp.length >= fullFrom || gulp.length >= Math.max(backlogFrom, backlogRate * sinceMs);
    if (this.#backlog) this.#pace.went(gulp.length);
    this.#restMs = this.#restAfter(gulp.length, sinceMs);
    this.#arrival.resolve();
  }

  #restAfter(bytes: number, sinceMs: number): number {
    if (this.#backlog) return bytes < fullFrom ? this.#pace.ms : 0;
    const isSteady = sinceMs < 2.5 * this.#lingerMs; // Small commits follow each other fast.
    return isSteady ? Math.min(this.#lingerMs, (lingerBytes / bytes) * sinceMs) : 0;
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#arrival.resolve();
  }
}
