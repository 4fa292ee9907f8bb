import { wordsOf } from '../../contracts/error-words.ts';

const headBytes = 5;

/**
 * Cuts what a socket brings into the messages of PostgreSQL's protocol, without an object per message:
 * after `next` the message lies in `data` between `start` and `end`.
 */
export class Frames {
  data: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
  kind = 0;
  #next = 0;
  #waiting: Buffer[] = []; // Parts of a message that is not whole yet.
  #waitingBytes = 0;
  #wanted = 0;
  #rest: Buffer | null = null; // What lies behind a message that was put together,
  #restAt = 0; // from here on.

  /** Takes what arrived, to be read before it is written over. All that came before is to be read first. */
  feed(chunk: Buffer): void {
    if (this.#waitingBytes === 0) return this.#read(chunk, 0);
    if (this.#waitingBytes < headBytes) {
      const head = Buffer.concat([...this.#waiting, chunk.subarray(0, headBytes)]);
      this.#wanted = head.length < headBytes ? headBytes : head.readInt32BE(1) + 1;
    }
    const missing = this.#wanted - this.#waitingBytes;
    if (chunk.length < missing) {
      this.#waiting.push(Buffer.from(chunk));
      this.#waitingBytes += chunk.length;
      return;
    }
    // Only the message that was cut is put together; the others are read where they lie.
    this.#read(Buffer.concat([...this.#waiting, chunk.subarray(0, missing)]), 0);
    this.#rest = chunk;
    this.#restAt = missing;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #read(data: Buffer, at: number): void {
    this.data = data;
    this.#next = at;
  }

  /** Moves on to the next whole message; false if it has not arrived yet. */
  next(): boolean {
    if (this.#waitingBytes > 0) return false;
    if (this.#rest && this.#next === this.data.length) {
      this.#read(this.#rest, this.#restAt);
      this.#rest = null;
    }
    const { data } = this;
    const at = this.#next;
    const left = data.length - at;
    const length = left >= headBytes ? data.readInt32BE(at + 1) + 1 : headBytes;
    if (left < length) {
      if (left > 0) {
        this.#waiting = [Buffer.from(data.subarray(at))];
        this.#waitingBytes = left;
        this.#wanted = length;
        this.#next = data.length;
      }
      return false;
    }
    this.kind = data[at] ?? 0;
    this.start = at + 5;
    this.end = at + length;
    this.#next = this.end;
    return true;
  }
}

/** What the server complains of, from the fields of its message: never in words that may quote a value. */
export function complaint(data: Buffer, start: number, end: number): Error {
  const fields = new Map<string, string>();
  for (const field of data.toString('utf8', start, end).split('\0'))
    if (field.length > 1) fields.set(field.charAt(0), field.slice(1));
  const said = new Error(fields.get('M') ?? 'the server ended the stream with an error');
  const code = fields.get('C') ?? '';
  return Object.assign(new Error(wordsOf(Object.assign(said, { code }))), { code });
}
