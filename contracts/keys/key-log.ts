import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { type Syncing, syncing } from './syncing.ts';
import { appendWhole, truncateTorn } from './torn.ts';

/** What a key of the ring serves for. */
export type Use = 'seed' | 'subjects' | 'tokens';

/** A line of the log: a key that was made, wrapped anew, or given up, or the root key's next version. */
export type KeyLine =
  | {
      readonly kind: 'key';
      readonly id: string;
      readonly use: Use;
      readonly tenant: string; // What names the tenant, as subjects are named.
      readonly title: string; // The tenant's name, sealed.
      readonly version: number;
      readonly at: number;
      readonly wrapped: string;
      readonly by?: string; // The key before it,
      readonly link?: string; // and itself wrapped by that one.
    }
  | { readonly kind: 'again'; readonly id: string; readonly at: number; readonly wrapped: string }
  | { readonly kind: 'gone'; readonly id: string; readonly at: number }
  | { readonly kind: 'root'; readonly at: number; readonly mark: string; readonly link: string };

/** A line and where it begins in the file. */
export interface Placed {
  readonly line: KeyLine;
  readonly at: number;
  readonly text: string;
}

const blank = '0';

/** Whether a wrapped form was overwritten. */
export const isBlank = (wrapped: string): boolean => /^0+$/.test(wrapped);

/**
 * The few keys that wrap all others, as lines of JSON in one append-only file that several processes
 * share. Nothing is moved; what is to open no more is overwritten where it stands.
 */
export class KeyLog implements Disposable {
  readonly path: string;
  readonly disk: Syncing;
  readonly #end: number; // Writes behind all else,
  readonly #within: number; // and anywhere.
  readonly #chunk = Buffer.alloc(64 * 1024);
  #read = 0;

  constructor(path: string) {
    this.path = path;
    truncateTorn(path, (bytes) => bytes.lastIndexOf(0x0a) + 1);
    this.#end = openSync(path, 'a', 0o600);
    this.#within = openSync(path, 'r+');
    this.disk = syncing(this.#within);
  }

  append(lines: readonly KeyLine[]): void {
    if (lines.length === 0) return;
    this.disk.written();
    appendWhole(this.path, this.#end, Buffer.from(textOf(lines)));
  }

  /** The lines that were not read yet, whoever wrote them. */
  readOn(): readonly Placed[] {
    const chunks: Buffer[] = [];
    let next = this.#read;
    for (;;) {
      const length = readSync(this.#within, this.#chunk, 0, this.#chunk.length, next);
      if (length === 0) break;
      chunks.push(Buffer.from(this.#chunk.subarray(0, length)));
      next += length;
    }
    if (chunks.length === 0) return [];
    this.disk.written(); // Whoever wrote it may not have synced it yet.
    const text = Buffer.concat(chunks).toString('latin1'); // All of it is ASCII: a place is a place.
    const found: Placed[] = [];
    let at = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', at)) {
      const own = text.slice(at, end);
      found.push({ line: JSON.parse(own) as KeyLine, at: this.#read + at, text: own });
      at = end + 1;
    }
    this.#read += at;
    return found;
  }

  /** Overwrites wrapped forms where they stand in a line. */
  blank({ at, text }: Placed, forms: readonly string[]): void {
    for (const form of forms) {
      const within = text.indexOf(form);
      if (within < 0 || isBlank(form)) continue;
      writeSync(this.#within, blank.repeat(form.length), at + within, 'latin1');
      this.disk.written();
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#end);
    closeSync(this.#within);
  }
}

/** Lines as they stand in the file. */
export const textOf = (lines: readonly KeyLine[]): string =>
  lines.map((line) => `${JSON.stringify(line)}\n`).join('');
