import type { Registry } from '../../contracts/registry.ts';
import { lastOf } from '../../processors/transaction-tally.ts';
import { decodeTransaction } from '../../schemas/governed-transaction.ts';
import { compare, type Position } from '../../schemas/position.ts';
import { schemaIdOf } from '../../schemas/wire.ts';
import type { Received } from '../topic/received.ts';

/** A transaction that is to be delivered: its end, and how many records of it there are for us. */
interface ToldTransaction {
  readonly last: Position;
  readonly records: number;
  readonly offset: bigint;
}

/** Transactions that are whole and wait to be delivered, in the order of their commits. */
export class ToldTransactions {
  readonly #tables: ReadonlySet<string>;
  readonly #registry: Pick<Registry, 'type'>;
  readonly #commits = new Set<string>(); // Where those that wait were committed.
  #waiting: ToldTransaction[] = [];
  #newest: Position | null;
  next: bigint; // To be read.

  constructor(
    tables: ReadonlySet<string>,
    registry: Pick<Registry, 'type'>,
    from: { readonly reached: Position | null; readonly next: bigint },
  ) {
    this.#tables = tables;
    this.#registry = registry;
    this.#newest = from.reached;
    this.next = from.next;
  }

  /** Whether it is a change of a transaction that waits. */
  has(position: Position): boolean {
    return this.#commits.has(commitOf(position));
  }

  get count(): number {
    return this.#waiting.length;
  }

  /** All before this offset was delivered. */
  get taken(): bigint {
    return this.#waiting[0]?.offset ?? this.next;
  }

  /** Takes what was read; what was told before is told again in the same words. */
  push(records: readonly Received[], next: bigint): void {
    for (const { value, offset } of records) {
      const type = value && this.#registry.type(schemaIdOf(value) ?? -1);
      if (!value || !type) continue; // Whoever wrote it, it tells of no transaction.
      const told = decodeTransaction(type, value);
      const last = lastOf(told);
      if (this.#newest && compare(last, this.#newest) <= 0) continue;
      this.#newest = last;
      const count = told.tables
        .filter(({ table }) => this.#tables.has(table))
        .reduce((sum, each) => sum + each.records, 0);
      this.#waiting.push({ last, records: count, offset });
      this.#commits.add(commitOf(last));
    }
    this.next = next;
  }

  /** The next ones that have no more than `most` records together, or the next one if it has more; null if none waits. */
  upTo(most: number): { readonly last: Position; readonly records: number } | null {
    let last: Position | null = null;
    let records = 0;
    for (const told of this.#waiting) {
      if (last && records + told.records > most) break;
      last = told.last;
      records += told.records;
    }
    return last && { last, records };
  }

  /** Forgets those that were delivered. */
  delivered(last: Position): void {
    const next = this.#waiting.findIndex((told) => compare(told.last, last) > 0);
    const delivered = this.#waiting.splice(0, next === -1 ? this.#waiting.length : next);
    for (const told of delivered) this.#commits.delete(commitOf(told.last));
  }
}

const commitOf = ({ timeline, lsn }: Position): string => `${timeline}/${lsn}`;
