import assert from 'node:assert/strict';
import type { LogPosition } from './source.ts';

/** How much may be unsettled at any time. */
export interface Room {
  readonly values: number;
  readonly bytes: number;
}

interface Entry {
  readonly position: LogPosition;
  readonly values: number;
  readonly bytes: number;
  readonly since: number;
  settled: boolean;
}

interface Log {
  readonly entries: Entry[];
  head: number; // Entries before it are settled and confirmed.
  forgotten: boolean;
}

/**
 * Remembers what is in flight. Confirms a position only once everything before it in the same log
 * is settled, and says when there is room for more: at most `room` and one delivery are unsettled.
 */
export class Ledger {
  readonly #room: Room;
  readonly #confirm: (position: LogPosition) => void;
  readonly #logs = new Map<string, Log>();
  #values = 0;
  #bytes = 0;
  #orphans = 0; // Unsettled entries of forgotten logs: their effects may still be on the way.
  #closed = false;
  #change = Promise.withResolvers<void>();

  constructor(room: Room, confirm: (position: LogPosition) => void) {
    this.#room = room;
    this.#confirm = confirm;
  }

  get inFlight(): Room {
    return { values: this.#values, bytes: this.#bytes };
  }

  /** How long the oldest unsettled entry has been waiting: grows without end when an envelope is lost. */
  oldestMs(now = performance.now()): number {
    let oldest = now;
    for (const { entries, head } of this.#logs.values()) {
      const first = entries[head];
      if (first && first.since < oldest) oldest = first.since;
    }
    return now - oldest;
  }

  /** Opens an entry and returns the function that settles it. */
  track(position: LogPosition, { values, bytes }: Room): () => void {
    let log = this.#logs.get(position.log);
    if (!log) this.#logs.set(position.log, (log = { entries: [], head: 0, forgotten: false }));
    const entry: Entry = { position, values, bytes, since: performance.now(), settled: false };
    log.entries.push(entry);
    this.#take(entry, 1);
    return () => this.#settle(entry, log);
  }

  /** Resolves when more may be taken in. */
  async room(): Promise<void> {
    while (!this.#closed && this.#isFull()) await this.#change.promise;
  }

  #isFull(): boolean {
    return this.#values >= this.#room.values || this.#bytes >= this.#room.bytes;
  }

  /** Keeps nobody waiting for room any more: the flow has ended, and what is open stays unconfirmed. */
  close(): void {
    this.#closed = true;
    this.#changed();
  }

  /** Resolves when nothing of a forgotten log is on the way any more. */
  async quiet(): Promise<void> {
    while (!this.#closed && this.#orphans > 0) await this.#change.promise;
  }

  /** Drops a log that is no longer ours: its room is free again, and nothing of it is ever confirmed. */
  forget(name: string): void {
    const log = this.#logs.get(name);
    if (!log) return;
    log.forgotten = true;
    this.#logs.delete(name);
    for (const entry of log.entries.slice(log.head)) {
      if (entry.settled) continue;
      this.#take(entry, -1);
      this.#orphans++;
    }
    this.#changed();
  }

  #settle(entry: Entry, log: Log): void {
    assert(!entry.settled, `settled twice: ${entry.position.log}@${entry.position.at}`);
    entry.settled = true;
    if (log.forgotten) {
      this.#orphans--;
      this.#changed();
      return;
    }
    this.#take(entry, -1);

    let last: Entry | undefined;
    for (let next = log.entries[log.head]; next?.settled; next = log.entries[++log.head])
      last = next;
    if (log.head > 1_024 || log.head === log.entries.length) {
      log.entries.splice(0, log.head);
      log.head = 0;
    }
    if (last) this.#confirm(last.position);
    this.#changed();
  }

  #take({ values, bytes }: Entry, sign: 1 | -1): void {
    this.#values += sign * values;
    this.#bytes += sign * bytes;
  }

  #changed(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }
}
