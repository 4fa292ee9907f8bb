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
  readonly #head = Buffer.alloc(headBytes); // Of a message whose length is not known yet.
  #headFilled = 0;
  #cut: Buffer | null = null; // A message that is not whole yet, in a buffer of its size: it may be a large one.
  #cutFilled = 0;
  #rest: Buffer | null = null; // What lies behind a message that was put together,
  #restAt = 0; // from here on.

  /** Takes what arrived, to be read before it is written over. All that came before is to be read first. */
  feed(chunk: Buffer): void {
    let at = 0;
    if (this.#headFilled > 0) {
      at = chunk.copy(this.#head, this.#headFilled);
      this.#headFilled += at;
      if (this.#headFilled < headBytes) return;
      this.#headFilled = 0;
      this.#begin(this.#head, 0, lengthAt(this.#head, 0));
    }
    const cut = this.#cut;
    if (!cut) return this.#read(chunk, 0);
    // Only the message that was cut is put together; the others are read where they lie.
    const copied = chunk.copy(cut, this.#cutFilled, at);
    this.#cutFilled += copied;
    if (this.#cutFilled < cut.length) return;
    this.#cut = null;
    this.#read(cut, 0);
    this.#rest = chunk;
    this.#restAt = at + copied;
  }

  /** Keeps what there is of a message, with room for the rest of it. */
  #begin(data: Buffer, at: number, length: number): void {
    this.#cut = Buffer.allocUnsafe(length);
    this.#cutFilled = data.copy(this.#cut, 0, at);
  }

  #read(data: Buffer, at: number): void {
    this.data = data;
    this.#next = at;
  }

  /** Moves on to the next whole message; false if it has not arrived yet. */
  next(): boolean {
    if (this.#cut || this.#headFilled > 0) return false;
    if (this.#rest && this.#next === this.data.length) {
      this.#read(this.#rest, this.#restAt);
      this.#rest = null;
    }
    const { data } = this;
    const at = this.#next;
    const left = data.length - at;
    const length = left >= headBytes ? lengthAt(data, at) : headBytes;
    if (left < length) {
      if (left >= headBytes) this.#begin(data, at, length);
      else this.#headFilled = data.copy(this.#head, 0, at);
      this.#next = data.length;
      return false;
    }
    this.kind = data[at] ?? 0;
    this.start = at + 5;
    this.end = at + length;
    this.#next = this.end;
    return true;
  }
}

const lengthAt = (data: Buffer, at: number): number => data.readInt32BE(at + 1) + 1;

/** What the server complains of, from the fields of its message: never in words that may quote a value. */
export function complaint(data: Buffer, start: number, end: number): Error {
  const fields = new Map<string, string>();
  for (const field of data.toString('utf8', start, end).split('\0'))
    if (field.length > 1) fields.set(field.charAt(0), field.slice(1));
  const said = new Error(fields.get('M') ?? 'the server ended the stream with an error');
  const code = fields.get('C') ?? '';
  return Object.assign(new Error(wordsOf(Object.assign(said, { code }))), { code });
}
