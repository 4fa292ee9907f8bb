import type { ChangeHead } from '../schemas/change-head.ts';
import type { GovernedTransaction } from '../schemas/governed-transaction.ts';
import { compare, type Position } from '../schemas/position.ts';
import { Dedupe, type Marks } from './dedupe.ts';

/** A governed record, as far as it is counted. */
export interface Counted {
  readonly topic: string;
  readonly partition: number;
  readonly table: string;
  readonly head: ChangeHead;
}

/**
 * Counts the records of each transaction of a slot, as they come in the order of positions. A record that is there
 * twice counts once; what was copied beside the stream is of no transaction.
 */
export class TransactionTally {
  readonly #slot: string;
  readonly #dedupe = new Dedupe();
  readonly #counts = new Map<string, number>();
  #head: ChangeHead | null = null; // Of the transaction that is being counted.

  constructor(slot: string) {
    this.#slot = slot;
  }

  /** The transaction that is over, since this record is of a later one. */
  endedBy(head: ChangeHead): GovernedTransaction | null {
    const current = this.#head;
    if (!current || !isStreamed(head, this.#slot)) return null;
    return compare(head.position, lastOf(current.position)) > 0 ? this.end() : null;
  }

  add({ topic, partition, table, head }: Counted): void {
    if (!isStreamed(head, this.#slot)) return;
    if (!this.#dedupe.admit(topic, partition, head.log, head.position)) return;
    this.#head ??= head;
    this.#counts.set(table, (this.#counts.get(table) ?? 0) + 1);
  }

  /** The transaction that is over, since all of it is there. */
  end(): GovernedTransaction | null {
    const head = this.#head;
    if (!head) return null;
    const { log: source, position, transaction, committedAt, watermark } = head;
    const cut = source.indexOf('/');
    const tables = [...this.#counts]
      .map(([table, records]) => ({ table, records }))
      .sort((a, b) => (a.table < b.table ? -1 : 1));
    this.#head = null;
    this.#counts.clear();
    return {
      system: source.slice(0, cut),
      log: source.slice(cut + 1),
      timeline: position.timeline,
      lsn: position.lsn,
      transaction,
      committedAt,
      watermark,
      tables,
    };
  }

  marks(topic: string, partition: number): Marks {
    return this.#dedupe.marks(topic, partition);
  }

  restore(topic: string, partition: number, marks: Marks): void {
    this.#dedupe.restore(topic, partition, marks);
  }
}

/** Whether a change was committed in the stream of a slot, and not copied beside it. */
export const isStreamed = ({ log }: Pick<ChangeHead, 'log'>, slot: string): boolean =>
  log.length > slot.length &&
  log.indexOf('/') === log.length - slot.length - 1 &&
  log.endsWith(slot);

/** After every change of a transaction, and before those of the next. */
export const lastOf = ({ timeline, lsn }: Pick<Position, 'timeline' | 'lsn'>): Position => ({
  timeline,
  lsn,
  seq: 0xffff_ffff,
  part: 0xffff_ffff,
});
