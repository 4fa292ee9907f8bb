import type { Table } from '../wal/relations.ts';
import { copyHead } from './copied-rows.ts';
import type { Run } from './runs.ts';

/** One truncate that is on its way. */
interface Replacing {
  readonly log: string; // Of its one delivery: there is one for each run.
  readonly table: Table;
  readonly encode: () => void;
  readonly durable: PromiseWithResolvers<void>;
}

/**
 * The truncates that go before the first row of copies which replace all that was captured of their tables
 * (ADR 12): whatever was deleted while nobody looked is gone with it.
 */
export class Replacements {
  readonly #slot: string;
  readonly #system: string;
  readonly #waiting: Replacing[] = [];
  readonly #unconfirmed = new Map<string, Replacing>();

  constructor({ slot, system }: { readonly slot: string; readonly system: string }) {
    this.#slot = slot;
    this.#system = system;
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Has the truncate of a run taken; resolves once it is durable in every lane. */
  async write({ id, replaces }: Run, table: Table, signal: AbortSignal): Promise<void> {
    const { way } = table;
    if (!replaces || way.kind === 'refused') return;
    // Said again after a kill, it is the same change.
    const head = copyHead(replaces, { log: `${this.#slot}/replaced`, system: this.#system });
    const encode = () => way.encoder.truncate(head, replaces.read, 0);
    const durable = Promise.withResolvers<void>();
    this.#waiting.push({ log: `${this.#slot}/replaced/${id}`, table, encode, durable });
    const aborted = () => durable.reject(signal.reason);
    signal.addEventListener('abort', aborted, { once: true });
    try {
      signal.throwIfAborted();
      await durable.promise;
    } finally {
      signal.removeEventListener('abort', aborted);
    }
  }

  /** Makes records of the next one: synchronous, so that nothing of the stream comes between. */
  take(): Pick<Replacing, 'log' | 'table'> | null {
    const replacing = this.#waiting.shift();
    if (!replacing) return null;
    this.#unconfirmed.set(replacing.log, replacing);
    replacing.encode();
    return replacing;
  }

  confirm(log: string): void {
    this.#unconfirmed.get(log)?.durable.resolve();
    this.#unconfirmed.delete(log);
  }
}
