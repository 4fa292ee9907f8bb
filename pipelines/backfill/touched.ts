import type { Seen } from './seen.ts';

/**
 * The keys of one table that the stream has changed since a range of it began to be read. What was read
 * before such a change is not sent after it, so that even a reader who only takes the last record of a
 * key has the newest.
 */
export class Touched {
  readonly since: number; // Transactions that had been brought by then.
  readonly #keys = new Set<string>();
  readonly #mostKeys: number;
  #all = false;
  #isTooMany = false;

  constructor(since: number, mostKeys: number) {
    this.since = since;
    this.#mostKeys = mostKeys;
  }

  get isEmpty(): boolean {
    return !this.#all && this.#keys.size === 0;
  }

  /** Whether more keys were changed than are remembered: what is read meanwhile is withheld, and to be read again. */
  get isTooMany(): boolean {
    return this.#isTooMany;
  }

  add(key: string): void {
    if (this.#all) return;
    this.#keys.add(key);
    if (this.#keys.size <= this.#mostKeys) return;
    this.#isTooMany = true;
    this.addAll();
  }

  /** A truncate touches every key. */
  addAll(): void {
    this.#all = true;
    this.#keys.clear();
  }

  has(key: string): boolean {
    return this.#all || this.#keys.has(key);
  }
}

const remembered = 65_536;
const mostKeys = 262_144; // A reader may wait for its lock as long as it likes.

/** The tables that are being copied, and what the stream does to them meanwhile. */
export class Watch {
  readonly #tables = new Map<string, Set<Touched>>();
  readonly #recent = new Int32Array(remembered); // Transactions that the stream has brought lately.
  readonly #mostKeys: number;
  #brought = 0;

  /** `most` is how many keys are remembered of each range that is read. */
  constructor(most = mostKeys) {
    this.#mostKeys = most;
  }

  /** Whether anybody wants to know. */
  get isOpen(): boolean {
    return this.#tables.size > 0;
  }

  open(table: string): Touched {
    const touched = new Touched(this.#brought, this.#mostKeys);
    const open = this.#tables.get(table) ?? new Set();
    this.#tables.set(table, open.add(touched));
    return touched;
  }

  close(table: string, touched: Touched): void {
    const open = this.#tables.get(table);
    open?.delete(touched);
    if (open?.size === 0) this.#tables.delete(table);
  }

  changed(table: string, key: string): void {
    for (const touched of this.#tables.get(table) ?? []) touched.add(key);
  }

  truncated(table: string): void {
    for (const touched of this.#tables.get(table) ?? []) touched.addAll();
  }

  committed(transaction: number): void {
    this.#recent[this.#brought++ % remembered] = transaction;
  }

  /**
   * Whether a snapshot sees all that the stream had brought when `touched` was opened. The stream may be
   * ahead of it: a commit is in the WAL before other sessions see it.
   */
  isSeen(seen: Seen, { since }: Touched): boolean {
    for (let at = Math.max(0, this.#brought - remembered); at < since; at++) {
      const transaction = this.#recent[at % remembered] ?? 0;
      if (transaction !== 0 && !seen.sees(transaction)) return false;
    }
    return true;
  }
}
