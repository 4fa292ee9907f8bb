import { Bytes } from '../../schemas/bytes.ts';
import { laneOfKey } from '../lane.ts';
import type { Head } from './head.ts';
import type { LaneSlab } from './lane-slab.ts';
import type { Output } from './output.ts';

/** The schema of a transaction's record: with it a reader knows when it has all of a transaction. */
export const transactionSchema = {
  type: 'record',
  name: 'Transaction',
  namespace: 'conductor',
  fields: [
    { name: 'system', type: 'string' },
    { name: 'log', type: 'string' },
    { name: 'timeline', type: 'int' },
    { name: 'lsn', type: 'long' },
    { name: 'transaction', type: 'long' },
    { name: 'committedAt', type: { type: 'long', logicalType: 'timestamp-micros' } },
    { name: 'watermark', type: { type: 'long', logicalType: 'timestamp-micros' } },
    { name: 'origin', type: ['null', 'string'], default: null },
    {
      name: 'tables',
      type: {
        type: 'array',
        items: {
          type: 'record',
          name: 'Counted',
          fields: [
            { name: 'table', type: 'string' },
            { name: 'changes', type: 'int' }, // In the table's topic; a changed key is one change in two records.
            { name: 'letters', type: 'int' }, // Among the dead letters instead.
          ],
        },
      },
    },
  ],
} as const;

/** Writes one record per transaction to the transactions topic: at its commit, after its changes. */
export class TransactionLog {
  readonly #output: Output;
  readonly #slabs: readonly LaneSlab[];
  readonly #start: Buffer;
  readonly #counts = new Map<string, { written: number; refused: number }>();
  readonly #value = new Bytes(512);
  readonly #key = new Bytes(32);
  origin: string | null = null;

  constructor(slabs: readonly LaneSlab[], schema: number, output: Output) {
    this.#slabs = slabs;
    this.#output = output;
    this.#start = Buffer.alloc(5);
    this.#start.writeInt32BE(schema, 1);
  }

  begin(): void {
    this.#counts.clear();
    this.origin = null;
  }

  /** What is withheld is not counted: nobody is to wait for it. */
  count(table: string, became: 'written' | 'refused' | 'withheld' | 'half refused'): void {
    if (became === 'withheld') return;
    let counts = this.#counts.get(table);
    if (!counts) this.#counts.set(table, (counts = { written: 0, refused: 0 }));
    if (became !== 'refused') counts.written++;
    if (became !== 'written') counts.refused++;
  }

  /** A transaction that changed nothing of ours leaves no record. */
  commit(head: Head): void {
    if (this.#counts.size === 0) return;
    const out = this.#value;
    out.clear();
    out.copy(this.#start, 0, 5);
    out.add(head.before);
    out.add(head.after);
    this.#text(this.origin);
    out.zigzag(this.#counts.size);
    for (const [table, { written, refused }] of this.#counts) {
      const name = Buffer.from(table);
      out.sized(name, 0, name.length);
      out.zigzag(written);
      out.zigzag(refused);
    }
    out.byte(0); // The end of the array.

    this.#key.clear();
    this.#key.ascii(`${head.transaction}`);
    const lane = laneOfKey(this.#key.data, this.#slabs.length, this.#key.at);
    const slab = this.#slabs[lane];
    if (slab) this.#output.append(slab, this.#key, out);
  }

  #text(text: string | null): void {
    const out = this.#value;
    if (text === null) return out.byte(0);
    const bytes = Buffer.from(text);
    out.byte(2);
    out.sized(bytes, 0, bytes.length);
  }
}
