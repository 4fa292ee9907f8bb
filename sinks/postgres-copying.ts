import { isSQLError } from '@databases/pg';
import type { GovernedRecord } from '../schemas/governed-record.ts';
import { Refusal } from '../schemas/refusal.ts';
import { CopyPool } from './postgres-copy.ts';
import { type MirrorServer, serverOf } from './postgres-server.ts';
import { type SortedTable, Sorter } from './postgres-sort.ts';
import { writeSorted } from './postgres-sorted.ts';
import type { MirrorTable } from './postgres-tables.ts';

type Batch = readonly GovernedRecord[];

interface Copied {
  readonly fewestCopied?: number; // Fewer rows of a table are cheaper as parameters of one statement than by COPY.
  readonly idleMs?: number; // So long a transaction may say nothing before the server ends it.
}

/** Writes by COPY what can be; false, and nothing written, of a batch that is to be written as changes. */
export function copying(options: MirrorServer & Copied, tables: ReadonlyMap<string, MirrorTable>) {
  const { fewestCopied = 100, idleMs } = options;
  const pool = new CopyPool(serverOf(options), idleMs);
  const sorter = new Sorter(tables, fewestCopied);
  let isAllowed = true;
  const prepared = new WeakMap<Batch, readonly SortedTable[]>();
  return {
    prepare(batch: Batch): void {
      if (!isAllowed || batch.length < fewestCopied) return;
      try {
        prepared.set(batch, sorter.sort(batch));
      } catch {
        // It is told when the batch is written.
      }
    },
    async write(batch: Batch, meanwhile = () => {}): Promise<boolean> {
      if (!isAllowed || batch.length < fewestCopied) return false;
      const sorted = prepared.get(batch) ?? sorter.sort(batch);
      prepared.delete(batch); // Its rows lie in buffers that are given back.
      try {
        if (sorted.every(({ copies }) => copies.length === 0)) return false;
        await pool.transact((tx) => writeSorted(tx, sorted, meanwhile));
        return true;
      } catch (error) {
        if (!(error instanceof Refusal) && !mayPassAsChanges(error)) throw error;
        if (isSQLError(error) && error.code === notAllowed) isAllowed = false;
        return false;
      } finally {
        sorter.release(sorted);
      }
    },
    end: () => pool.end(),
  };
}

const notAllowed = '42501'; // To make temporary tables.

/** What the server says of data, names or rights, or of who was in the way: it may say otherwise of changes, or exactly of what. */
const mayPassAsChanges = (error: unknown): boolean =>
  isSQLError(error) && /^(?:0A|2[123]|40|42|54)/.test(error.code);
