import { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';

const bufferBytes = 256 * 1024;
const mostWaiting = 8 * bufferBytes; // So much may wait to be used: eight reads, or many records of TLS.

/**
 * A socket that `pg` logs in and asks with, and whose bytes are taken directly while a COPY runs: into a
 * few buffers that are used again and again. It rests while all of them are waiting to be used.
 */
export class CopySocket {
  readonly socket: Socket; // As `pg` is to use it; over it, what speaks TLS.
  readonly #free: Buffer[] = [];
  #next: Buffer = Buffer.allocUnsafeSlow(bufferBytes); // What the socket reads into.
  #waiting = 0; // Bytes of pieces that were not released yet, a read's buffer as a whole.
  #stream: Socket | null = null; // While a COPY runs: the socket itself, or TLS over it.
  #chunks: Buffer[] = [];
  #failure: Error | null = null;
  #arrival = Promise.withResolvers<void>();
  readonly #onData = (chunk: Buffer) => this.#arrived(chunk);
  readonly #onClose = () => {
    this.#failure ??= new Error('the server closed the connection in the middle of a copy');
    this.#arrival.resolve();
  };

  readonly #onError = (error: Error) => {
    this.#failure ??= error;
  };

  readonly #onSilence = () => {
    this.#stream?.destroy(new Error('the server has not sent anything of a copy for too long'));
  };

  constructor() {
    this.socket = new Socket({
      onread: { buffer: () => this.#next, callback: (bytes) => this.#read(bytes) },
    });
  }

  /** Whether a COPY runs. */
  get isTaken(): boolean {
    return this.#stream !== null;
  }

  /** Whether nothing is read of it, for too much waits to be used. */
  get isResting(): boolean {
    return this.isTaken && this.#waiting >= mostWaiting;
  }

  /**
   * From here on whatever arrives is for `take`, until `giveBack`. A server that says nothing for `patienceMs`
   * is given up; 0 waits for as long as the connection seems to be there.
   */
  takeOver(stream: Socket, patienceMs = 0): () => void {
    this.#stream = stream;
    this.#chunks = [];
    this.#waiting = 0;
    const listeners = stream.listeners('data') as ((chunk: Buffer) => void)[];
    if (stream !== this.socket) {
      stream.removeAllListeners('data');
      stream.on('data', this.#onData);
    }
    stream.on('error', this.#onError);
    stream.on('close', this.#onClose);
    if (stream.destroyed) this.#onClose();
    if (patienceMs > 0) stream.setTimeout(patienceMs, this.#onSilence);
    return () => {
      this.#stream = null;
      stream.off('error', this.#onError);
      stream.off('close', this.#onClose);
      stream.setTimeout(0, this.#onSilence);
      if (stream !== this.socket) {
        stream.off('data', this.#onData);
        for (const listener of listeners) stream.on('data', listener);
      }
      stream.resume();
    };
  }

  /** What has arrived; rejects once the connection is lost. Each piece is to be released. */
  async take(): Promise<readonly Buffer[]> {
    if (this.#chunks.length === 0 && !this.#failure) {
      await this.#arrival.promise;
      if (this.#stream !== this.socket) await turn(); // What came with the first record is told one by one.
    }
    this.#arrival = Promise.withResolvers();
    if (this.#chunks.length === 0 && this.#failure) throw this.#failure;
    const chunks = this.#chunks;
    this.#chunks = [];
    return chunks;
  }

  /** Says that a piece was used: it may be written over. */
  release(chunk: Buffer): void {
    if (isWholeBuffer(chunk)) this.#free.push(Buffer.from(chunk.buffer));
    this.#waiting -= weightOf(chunk);
    if (this.#waiting < mostWaiting) this.#stream?.resume();
  }

  /** What the socket itself read: for `pg`, or a part of a COPY. */
  #read(bytes: number): boolean {
    const chunk = this.#next.subarray(0, bytes);
    if (this.#stream !== this.socket) {
      this.socket.emit('data', Buffer.from(chunk));
      return true;
    }
    this.#next = this.#free.pop() ?? Buffer.allocUnsafeSlow(bufferBytes);
    this.#arrived(chunk);
    return this.#waiting < mostWaiting;
  }

  #arrived(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#waiting += weightOf(chunk);
    if (this.#waiting >= mostWaiting) this.#stream?.pause();
    this.#arrival.resolve();
  }
}

/** Whether a piece lies in one of the buffers that are used again. */
const isWholeBuffer = (chunk: Buffer): boolean => chunk.buffer.byteLength === bufferBytes;

const weightOf = (chunk: Buffer): number => (isWholeBuffer(chunk) ? bufferBytes : chunk.length);
