import { Socket } from 'node:net';

const gulpBytes = 512 * 1024; // The most that one read brings.
const paceFrom = 16 * 1024; // A read that brings so much shows that the server has more to say.
const paceMs = 1;
const partMs = 1_000;
const fullFrom = 128 * 1024; // Of so much the server had written enough before it was asked: no rest is needed.
const steadyMs = 8; // Gulps that follow each other so fast are a steady flow,
const calmMs = 4; // of which a few commits at a time are enough: every read wakes three processes.

/**
 * A socket that is read one gulp at a time into one buffer: it rests until the gulp was used. With a
 * backlog it rests a moment longer, for a server that finds the socket empty flushes every message by
 * itself, and both sides work for nothing else; in a steady flow of small commits, too, so that the
 * source and the broker are not asked to do something for each.
 */
export class Gulp {
  readonly socket: Socket; // As `pg` is to use it; over it, what speaks TLS.
  readonly #buffer = Buffer.allocUnsafeSlow(gulpBytes);
  #stream: Socket | null = null; // Ours, once it was taken over.
  #filled: Buffer | null = null;
  #used = true; // Whether the gulp that was taken last may be written over.
  #backlog = false;
  #parting = false; // What still comes is not read.
  #isFull = false;
  #isSteady = false;
  #arrivedMs = 0;
  #failure: Error | null = null;
  #arrival = Promise.withResolvers<void>();

  constructor() {
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
    if (stream !== this.socket)
      stream.on('data', (chunk: Buffer) => {
        if (this.#parting) return;
        stream.pause();
        this.#arrived(chunk);
      });
    stream.on('error', (error) => this.#fail(error));
    stream.on('close', () => this.#fail(new Error('the server closed the replication connection')));
  }

  async take(signal: AbortSignal, patienceMs: number): Promise<Buffer | null> {
    if (!this.#used) {
      this.#used = true;
      const restMs = this.#isFull ? 0 : this.#backlog ? paceMs : this.#isSteady ? calmMs : 0;
      if (restMs > 0) await new Promise((resolve) => setTimeout(resolve, restMs));
      this.#stream?.resume();
    }
    if (!this.#filled && !this.#failure && patienceMs > 0) {
      const stop = () => this.#arrival.resolve();
      const timer = setTimeout(stop, patienceMs);
      signal.addEventListener('abort', stop, { once: true });
      await this.#arrival.promise;
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
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

  #arrived(gulp: Buffer): void {
    this.#filled = gulp;
    this.#backlog = gulp.length >= paceFrom;
    this.#isFull = gulp.length >= fullFrom;
    const nowMs = performance.now();
    this.#isSteady = nowMs - this.#arrivedMs < steadyMs;
    this.#arrivedMs = nowMs;
    this.#arrival.resolve();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#arrival.resolve();
  }
}
