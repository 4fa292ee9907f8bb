import { Bytes } from '../schemas/bytes.ts';
import type { Field, KnownType } from '../schemas/change-cursor.ts';
import type { GovernedForm, GovernedRecord } from '../schemas/governed-record.ts';
import { Refusal } from '../schemas/refusal.ts';
import { putHalves, putSized, putVarint, putWide, putWord } from './clickhouse-bytes.ts';
import { bare, ownColumns, type WarehouseTable } from './clickhouse-tables.ts';
import { refusing } from './clickhouse-text.ts';
import { emptyOf, type Put, putOf } from './clickhouse-values.ts';

/**
 * Rows of one table's history, gathered column by column as ClickHouse's Native format has them: from the bytes of
 * governed records, without an object for a row or a value. Its buffers are used again.
 */
export class Block {
  readonly #table: WarehouseTable;
  readonly #columns: readonly Column[];
  readonly #own = columnsOfAll();
  readonly #all: readonly Column[];
  readonly #plans = new WeakMap<GovernedForm, Plan>();
  #rows = 0;
  #silent = 0;

  constructor(table: WarehouseTable) {
    this.#table = table;
    this.#columns = table.columns.map(({ name, type }) => new Column(name, type));
    this.#all = [...this.#columns, ...Object.values(this.#own)];
  }

  /** The columns, as `input` declares them. */
  get structure(): readonly { readonly name: string; readonly type: string }[] {
    return this.#all;
  }

  /** How many bytes its rows are. */
  get length(): number {
    return this.#all.reduce((sum, { data }) => sum + data.at, 0);
  }

  /** Forgets all rows. */
  clear(): void {
    this.#rows = 0;
    this.#silent = 0;
    for (const column of this.#all) column.clear();
  }

  /** Adds the row of a change. Refuses what the warehouse cannot hold; the block is then to be cleared. */
  add(record: GovernedRecord): void {
    const { form, value } = record;
    let plan = this.#plans.get(form);
    if (!plan) this.#plans.set(form, (plan = planOf(this.#table, form, this.#columns)));
    const change = form.read(value);
    const { op, key, after } = change;
    if (plan.lacksKey || (this.#table.key.length > 0 && !key.present)) {
      if (op !== 'truncate')
        throw new Refusal('no-key', `table ${this.#table.source}: a change without its key`);
    }
    if (after.present && plan.strangers !== '') throw stranger(this.#table, plan.strangers);
    const own = this.#own;
    const row = this.#rows;
    for (const { column, name, inKey, inRow } of plan.columns) {
      if (inKey && key.present) column.put(row, value, key.starts[inKey.index] ?? 0, inKey);
      else if (!after.present) column.skip(row);
      else if (!inRow || !column.put(row, value, after.starts[inRow.index] ?? 0, inRow)) {
        if (!inRow) column.skip(row);
        putSized(name, 0, name.length, own.unchanged.data);
        this.#silent++;
      }
    }
    const text = opTexts[op];
    putSized(text, 0, text.length, own.op.data);
    putWord(change.timeline, own.timeline.data);
    putWide(change.lsn, own.lsn.data);
    putWord(change.seq, own.seq.data);
    putWord(change.part, own.part.data);
    putWord(record.lane, own.lane.data);
    putWide(record.offset, own.offset.data);
    putWide(change.committedAt, own.committedAt.data);
    putHalves(0, this.#silent, own.unchanged.ends);
    const { provenanceAt, provenanceEnd, policyAt, policyEnd } = change;
    putSized(value, provenanceAt, provenanceEnd - provenanceAt, own.provenance.data);
    putSized(value, policyAt, policyEnd - policyAt, own.policy.data);
    this.#rows++;
  }

  /** The block in pieces, valid until it is cleared. */
  pieces(): Buffer[] {
    const head = new Bytes(64);
    putVarint(this.#all.length, head);
    putVarint(this.#rows, head);
    return [Buffer.from(head.view()), ...this.#all.flatMap((column) => column.pieces(this.#rows))];
  }
}

const opTexts = {
  insert: Buffer.from('insert'),
  update: Buffer.from('update'),
  delete: Buffer.from('delete'),
  truncate: Buffer.from('truncate'),
};

/** Where a column's value lies in an image, and how each branch of its union is written. */
interface Place {
  readonly index: number;
  readonly isUnion: boolean;
  readonly branches: readonly (Put | 'null' | 'unchanged')[];
}

interface Plan {
  readonly columns: readonly {
    readonly column: Column;
    readonly name: Buffer;
    readonly inKey: Place | null;
    readonly inRow: Place | null;
  }[];
  readonly lacksKey: boolean;
  readonly strangers: string; // Columns that the warehouse does not know.
}

/** One column of a block: which rows have no value, and the values. */
class Column {
  readonly name: string;
  readonly type: string; // As it lies in the block.
  readonly base: string; // The same without Nullable.
  readonly data = new Bytes();
  readonly ends = new Bytes(64); // Of an array, in each row.
  readonly #isNullable: boolean;
  #nulls = Buffer.alloc(1_024); // A byte for each row, 1 where there is no value; all others are 0.
  #isSparse = false;
  readonly #empty: Buffer;

  constructor(name: string, type: string) {
    this.name = name;
    this.type = type;
    this.base = bare(type);
    this.#isNullable = this.base !== type;
    this.#empty = type.startsWith('Array') ? Buffer.alloc(0) : emptyOf(this.base);
  }

  /** Writes the value at a place; false, and nothing as its value, if the source did not send it. */
  put(row: number, from: Buffer, start: number, { isUnion, branches }: Place): boolean {
    const branch = branches[isUnion ? (from[start] ?? 0) >> 1 : 0];
    if (typeof branch === 'function') {
      branch(from, isUnion ? start + 1 : start, this.data);
      return true;
    }
    this.skip(row);
    return branch === 'null';
  }

  /** No value: null, or what stands for it in a column that takes none. */
  skip(row: number): void {
    this.data.copy(this.#empty, 0, this.#empty.length);
    if (!this.#isNullable) return;
    this.#roomForNulls(row + 1);
    this.#nulls[row] = 1;
    this.#isSparse = true;
  }

  clear(): void {
    this.data.clear();
    this.ends.clear();
    if (this.#isSparse) this.#nulls.fill(0);
    this.#isSparse = false;
  }

  /** The column of so many rows: its name, its type, and what lies in it. */
  pieces(rows: number): Buffer[] {
    const head = new Bytes(64);
    for (const text of [this.name, this.type]) {
      const bytes = Buffer.from(text);
      putSized(bytes, 0, bytes.length, head);
    }
    if (this.#isNullable) this.#roomForNulls(rows);
    const nulls = this.#nulls.subarray(0, this.#isNullable ? rows : 0);
    return [head.view(), this.ends.view(), nulls, this.data.view()].filter(
      ({ length }) => length > 0,
    );
  }

  #roomForNulls(rows: number): void {
    if (rows <= this.#nulls.length) return;
    const grown = Buffer.alloc(Math.max(rows, this.#nulls.length * 2));
    this.#nulls.copy(grown);
    this.#nulls = grown;
  }
}

/** What the history has of every change. */
const columnsOfAll = () => ({
  op: ownColumn('_op'),
  timeline: ownColumn('_timeline'),
  lsn: ownColumn('_lsn'),
  seq: ownColumn('_seq'),
  part: ownColumn('_part'),
  lane: ownColumn('_lane'),
  offset: ownColumn('_offset'),
  committedAt: ownColumn('_committed_at'),
  unchanged: ownColumn('_unchanged'),
  provenance: ownColumn('_provenance'),
  policy: ownColumn('_policy'),
});

/** The server finds out itself which values come again. */
const ownColumn = (name: keyof typeof ownColumns) =>
  new Column(name, ownColumns[name].replace('LowCardinality(String)', 'String'));

function planOf(table: WarehouseTable, { cursor }: GovernedForm, columns: readonly Column[]): Plan {
  const { keyFields, rowFields } = cursor;
  const known = new Set(columns.map(({ name }) => name));
  return {
    columns: columns.map((column) => ({
      column,
      name: Buffer.from(column.name),
      inKey: placeOf(table, column, keyFields),
      inRow: placeOf(table, column, rowFields),
    })),
    lacksKey: table.key.some((name) => !keyFields.some((field) => field.name === name)),
    strangers: rowFields
      .map(({ name }) => name)
      .filter((name) => !known.has(name))
      .join(', '),
  };
}

function placeOf(
  table: WarehouseTable,
  { name, base }: Column,
  fields: readonly Field[],
): Place | null {
  const index = fields.findIndex((field) => field.name === name);
  const field = fields[index];
  if (!field) return null;
  const { isUnion, type } = field;
  const refuse = refusing(table.source, name, base);
  const branches = isUnion ? (type.types ?? []) : [type];
  const branchOf = (branch: KnownType) => {
    if (branch.typeName === 'null') return 'null';
    return branch.typeName === 'logical:unchanged' ? 'unchanged' : putOf(branch, base, refuse);
  };
  return { index, isUnion, branches: branches.map(branchOf) };
}

const stranger = ({ source }: WarehouseTable, names: string): Error =>
  new Error(
    `table ${source}: column ${names} is not in the contract that this warehouse was opened with; restart with the newer contract`,
  );
