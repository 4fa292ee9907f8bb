import type { Column, Image } from '../../processors/transcode/columns.ts';
import { keptChange } from '../../processors/transcode/kept-change.ts';
import type { Head } from '../../processors/transcode/head.ts';
import type { Output } from '../../processors/transcode/output.ts';
import { checkCount, isNull, isUnchanged, Tuple } from '../../processors/transcode/tuple.ts';
import type { Op } from '../../schemas/change.ts';
import { Refusal } from '../../schemas/refusal.ts';
import type { Bases } from '../backfill/bases.ts';
import type { Watch } from '../backfill/touched.ts';
import { kinds } from './pgoutput.ts';
import type { Table } from './relations.ts';

const wholeTag = 0x4f; // The old row is sent whole,
const newTag = 0x4e; // or not at all.

/** What became of a row: a table's transactions are counted by it. */
export type Written = 'written' | 'refused' | 'withheld' | 'half refused';

/** Reads the rows of insert, update and delete messages where they lie, and hands them to their table's encoder. */
export class Rows {
  readonly #output: Output;
  readonly #watch: Watch;
  readonly #bases: Bases | null;
  readonly #old = new Tuple();
  readonly #new = new Tuple();
  readonly #before: { readonly tuple: Tuple; whole: boolean } = { tuple: this.#old, whole: false };
  readonly #after: Image = { tuple: this.#new, whole: true };

  constructor(output: Output, watch: Watch, bases: Bases | null) {
    this.#output = output;
    this.#watch = watch;
    this.#bases = bases;
  }

  /** The base of the row that `write` has just put off, sent ahead of it. */
  async sendBase(table: Table): Promise<void> {
    await this.#bases?.send(table, this.#new);
  }

  /** Writes the row of the message that lies between `at` and `end`; puts it off if it needs a base that is not `sent`. */
  write(
    table: Table,
    kind: number,
    data: Buffer,
    at: number,
    end: number,
    head: Head,
    seq: number,
    base: 'unsent' | 'sent',
  ): Written | 'needs-base' {
    if (kind === kinds.insert) {
      fill(this.#new, table, data, at + 1, end);
      return this.#one(table, 'insert', null, this.#after, head, seq, 0);
    }
    let next = at;
    const hasOld = kind === kinds.delete || data[at] !== newTag;
    if (hasOld) {
      this.#before.whole = data[at] === wholeTag;
      next = fill(this.#old, table, data, at + 1, end);
    }
    if (kind === kinds.delete) return this.#one(table, 'delete', this.#before, null, head, seq, 0);
    fill(this.#new, table, data, next + 1, end);
    if (hasOld) this.#fillUnchanged(table);
    if (base === 'unsent' && this.#bases?.needs(table, this.#new)) return 'needs-base';
    if (!hasOld) return this.#one(table, 'update', null, this.#after, head, seq, 0);

    const before = this.#before;
    if (!this.#hasMoved(table))
      return this.#one(table, 'update', before, this.#after, head, seq, 0);
    // A changed key is a delete and an insert: they belong to different keys, and so to different lanes.
    const left = this.#one(table, 'delete', before, null, head, seq, 0);
    const came = this.#one(table, 'insert', null, this.#after, head, seq, 1);
    if (left === came || came === 'withheld') return left;
    return left === 'withheld' ? came : 'half refused';
  }

  /** Writes one change, or keeps it as a letter if it can never pass. */
  #one(
    table: Table,
    op: Op,
    before: Image | null,
    after: Image | null,
    head: Head,
    seq: number,
    part: number,
  ): Written {
    const { way } = table;
    try {
      if (way.kind === 'refused') throw way.refusal;
      const isWritten = way.encoder.write(op, before, after, head, seq, part);
      if (this.#watch.isOpen && table.key.length > 0)
        this.#watch.changed(table.table, way.encoder.lastKey);
      return isWritten ? 'written' : 'withheld';
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      const value = keptChange(table, op, before, after, head, seq, part);
      const bytes = (before?.tuple.size ?? 0) + (after?.tuple.size ?? 0);
      this.#output.refuse({ value, refusal }, bytes);
      return 'refused';
    }
  }

  /**
   * The old row tells what an unchanged TOAST column still is, as far as it was sent: of a partition that tells
   * less than its table, nulls stand for the rest, and what is unchanged is never null.
   */
  #fillUnchanged({ columns }: Table): void {
    const { lengths } = this.#new;
    if (this.#isOldInPart(columns)) this.#tellNoNulls(columns);
    for (let index = 0; index < this.#new.count; index++) {
      if (lengths[index] !== isUnchanged) continue;
      if (columns[index]?.isTold(this.#before)) this.#new.take(index, this.#old);
    }
  }

  /**
   * A null cannot be what a long value still is. Where it seems so, a leaf of a partitioned table wrote the old
   * row by another replica identity than the table's own, and no more of it than that. Beside an old key nulls
   * stand for what was not sent.
   */
  #isOldInPart(columns: readonly Column[]): boolean {
    for (let index = 0; index < this.#new.count; index++)
      if (
        this.#new.lengths[index] === isUnchanged &&
        this.#old.lengths[index] === isNull &&
        columns[index]?.isTold(this.#before)
      )
        return true;
    return false;
  }

  /** Of a row that was sent in part, what is null was not sent. */
  #tellNoNulls(columns: readonly Column[]): void {
    const { lengths, count } = this.#old;
    for (let index = 0; index < count; index++)
      if (lengths[index] === isNull && columns[index]?.isTold(this.#before))
        lengths[index] = isUnchanged;
  }

  /** Whether the key is another than it was, as far as the old row tells it. */
  #hasMoved({ way }: Table): boolean {
    if (way.kind === 'refused') return false;
    for (const column of way.encoder.key)
      if (
        column.isTold(this.#before) &&
        column.has(this.#old) &&
        !this.#old.same(column.index, this.#new)
      )
        return true;
    return false;
  }
}

/** Fills a tuple with a row of the table, and returns where it ends. */
function fill(tuple: Tuple, { table, columns }: Table, data: Buffer, at: number, end: number) {
  const next = tuple.fill(data, at, end);
  checkCount(tuple, table, columns.length);
  return next;
}
