import { Bytes } from '../schemas/bytes.ts';
import type { GovernedForm, GovernedRecord } from '../schemas/governed-record.ts';
import { Refusal } from '../schemas/refusal.ts';
import { KeyNumbers } from './key-numbers.ts';
import { type LaneSpan, LaneSpans } from './lane-spans.ts';
import { CopyRows } from './postgres-copy-rows.ts';
import { RowWriter } from './postgres-rows.ts';
import type { MirrorTable } from './postgres-tables.ts';

/** What a batch has for one table. All that it has of a key is in one row to copy, or among the others. */
export interface SortedTable {
  readonly table: MirrorTable;
  readonly all: readonly GovernedRecord[];
  readonly others: readonly GovernedRecord[];
  readonly copies: readonly CopyRows[]; // By form.
  readonly lanes: readonly LaneSpan[];
  readonly isTruncated: boolean;
}

interface Sorting {
  readonly table: MirrorTable;
  readonly number: number;
  readonly all: GovernedRecord[];
  readonly keys: number[]; // Of `all`; -1 of what has none.
  readonly copies: Map<GovernedForm, CopyRows>;
  readonly lanes: LaneSpans;
  isTruncated: boolean;
}

/**
 * Sorts batches into what is copied and what is not: the newest row of a key is, if all that the batch has of that
 * key are whole rows of one form. Nothing is of a table without a key, nor of one that the batch truncates.
 */
export class Sorter {
  readonly #tables: ReadonlyMap<string, MirrorTable>;
  readonly #fewest: number;
  readonly #writers = new Map<string, WeakMap<GovernedForm, RowWriter | 'none'>>(); // By table.
  readonly #buffers: Bytes[] = [];
  readonly #numbers = new KeyNumbers();
  // By a key's number: its row, and where that lies; no row of a key that is among the others.
  readonly #rows: (CopyRows | null)[] = [];
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  /** Of a table with fewer rows to copy than `fewest`, none is copied. */
  constructor(tables: ReadonlyMap<string, MirrorTable>, fewest: number) {
    this.#tables = tables;
    this.#fewest = fewest;
  }

  sort(batch: readonly GovernedRecord[]): readonly SortedTable[] {
    const sortings = new Map<string, Sorting>();
    this.#numbers.clear(batch.length);
    this.#rows.length = 0;
    let sorting: Sorting | undefined;
    for (const record of batch) {
      if (sorting?.table.name !== record.table) {
        sorting = sortings.get(record.table) ?? this.#begin(record.table, sortings.size);
        sortings.set(record.table, sorting);
      }
      this.#add(sorting, record);
    }
    return [...sortings.values()]
      .map((each) => this.#sorted(each))
      .sort((a, b) => (a.table.name < b.table.name ? -1 : 1));
  }

  /** Gives back what rows lie in that were sent, or are not to be. */
  release(sorted: readonly SortedTable[]): void {
    for (const { copies } of sorted) for (const rows of copies) this.#buffers.push(rows.release());
  }

  #begin(name: string, number: number): Sorting {
    const table = this.#tables.get(name);
    if (!table)
      throw new Refusal('no-contract', `table ${name}: the mirror has no contract for it`);
    const lanes = new LaneSpans();
    return { table, number, all: [], keys: [], copies: new Map(), lanes, isTruncated: false };
  }

  #add(sorting: Sorting, record: GovernedRecord): void {
    const { form, key, value } = record;
    const cursor = form.read(value);
    sorting.all.push(record);
    sorting.lanes.extend(record, cursor);
    if (cursor.op === 'truncate') sorting.isTruncated = true;
    const isKeyed = key !== null && cursor.key.present && sorting.table.key.length > 0;
    const number = isKeyed ? this.#numbers.of(sorting.number, key) : -1;
    sorting.keys.push(number);
    if (number < 0) return;

    const earlier = this.#rows[number];
    if (earlier === null) return;
    const rows = cursor.after.present ? this.#rowsFor(sorting, form) : null;
    const start = rows?.end ?? 0;
    if (!rows?.add(cursor)) return this.#leaveOut(number, earlier);
    if (earlier && earlier !== rows) {
      rows.takeBack(start);
      return this.#leaveOut(number, earlier);
    }
    if (earlier && !rows.isNewer(start, this.#starts[number] ?? 0)) return rows.takeBack(start);
    earlier?.drop(this.#starts[number] ?? 0, this.#ends[number] ?? 0);
    this.#rows[number] = rows;
    this.#starts[number] = start;
    this.#ends[number] = rows.end;
  }

  /** From here on, a key is among the others with all that the batch has of it. */
  #leaveOut(number: number, earlier: CopyRows | undefined): void {
    earlier?.drop(this.#starts[number] ?? 0, this.#ends[number] ?? 0);
    this.#rows[number] = null;
  }

  /** The rows of a form, begun if need be; null if rows of that form are not copied. */
  #rowsFor({ table, copies }: Sorting, form: GovernedForm): CopyRows | null {
    const known = copies.get(form);
    if (known) return known;
    const writers =
      this.#writers.get(table.name) ?? new WeakMap<GovernedForm, RowWriter | 'none'>();
    this.#writers.set(table.name, writers);
    let writer = writers.get(form);
    if (!writer) writers.set(form, (writer = RowWriter.of(form, table) ?? 'none'));
    if (writer === 'none') return null;
    const rows = new CopyRows(writer, this.#buffers.pop() ?? new Bytes(firstBytes));
    copies.set(form, rows);
    return rows;
  }

  #sorted({ table, all, keys, copies, lanes, isTruncated }: Sorting): SortedTable {
    const tableWide = { table, all, lanes: lanes.all(), isTruncated };
    const count = [...copies.values()].reduce((sum, rows) => sum + rows.count, 0);
    if (isTruncated || count < this.#fewest) {
      for (const rows of copies.values()) this.#buffers.push(rows.release());
      return { ...tableWide, others: all, copies: [] };
    }
    const isCopied = (number: number) => number >= 0 && this.#rows[number] !== null;
    const others = all.filter((_, index) => !isCopied(keys[index] ?? -1));
    return { ...tableWide, others, copies: [...copies.values()] };
  }
}

const firstBytes = 256 * 1024;
