import { keptChange } from '../../processors/transcode/kept-change.ts';
import type { Head } from '../../processors/transcode/head.ts';
import type { LogicalMessage } from './pgoutput.ts';
import type { Table } from './relations.ts';
import { Rows } from './rows.ts';
import type { Parts } from './transactions.ts';

/** The changes of one transaction after the other, numbered as they survived to its commit. */
export class Changes {
  readonly #parts: Parts;
  readonly #lanes: number;
  readonly #rows: Rows;
  #head: Head | null = null; // Of the transaction that is open.
  #seq = 0;

  constructor(parts: Parts, lanes: number) {
    this.#parts = parts;
    this.#lanes = lanes;
    this.#rows = new Rows(parts.output, parts.watch, parts.bases);
  }

  get isOpen(): boolean {
    return this.#head !== null;
  }

  /** Where the open transaction was committed. */
  get openLsn(): bigint | null {
    return this.#head?.lsn ?? null;
  }

  begin(head: Head): void {
    this.#head = head;
    this.#seq = 0;
  }

  /** Ends the transaction and gives its head; null if none was open. */
  end(): Head | null {
    const head = this.#head;
    this.#head = null;
    return head;
  }

  /** Takes the row that lies between `at` and `end`. What it returns, if anything, is to be waited for. */
  row(kind: number, data: Buffer, at: number, end: number): Promise<void> | undefined {
    const head = this.#opened('a change');
    const oid = data.readUInt32BE(at);
    const table = this.#parts.relations.get(oid);
    if (!table)
      return this.#parts.relations
        .open(oid, head.lsn)
        .then((opened) => this.#write(opened, kind, data, at + 4, end, head));
    return this.#write(table, kind, data, at + 4, end, head);
  }

  async truncate(oids: readonly number[]): Promise<void> {
    const head = this.#opened('a truncate');
    const { relations, output, transactionLog, watch } = this.#parts;
    const seq = this.#seq++;
    for (const [index, oid] of oids.entries()) {
      const table = relations.get(oid) ?? (await relations.open(oid, head.lsn));
      const part = index * this.#lanes;
      watch.truncated(table.table);
      if (table.way.kind === 'open') table.way.encoder.truncate(head, seq, part);
      else {
        const value = keptChange(table, 'truncate', null, null, head, seq, part);
        output.refuse({ value, refusal: table.way.refusal }, 0);
      }
      transactionLog.count(table.table, table.way.kind === 'open' ? 'written' : 'refused');
    }
  }

  /** A message takes a number like a row, whether anyone wants it or not: what comes after keeps its own. */
  async message(message: LogicalMessage): Promise<void> {
    const head = this.#opened('a message');
    const written = await this.#parts.outbox.write(message, head, this.#seq++);
    if (written) this.#parts.transactionLog.count(message.prefix, written);
  }

  #write(
    table: Table,
    kind: number,
    data: Buffer,
    at: number,
    end: number,
    head: Head,
  ): Promise<void> | undefined {
    const seq = this.#seq++;
    const written = this.#rows.write(table, kind, data, at, end, head, seq, 'unsent');
    if (written === 'needs-base')
      return this.#rows.sendBase(table).then(() => {
        const after = this.#rows.write(table, kind, data, at, end, head, seq, 'sent');
        if (after !== 'needs-base') this.#parts.transactionLog.count(table.table, after);
      });
    this.#parts.transactionLog.count(table.table, written);
    return undefined;
  }

  #opened(what: string): Head {
    if (!this.#head) throw new Error(`the server sent ${what} outside of a transaction`);
    return this.#head;
  }
}
