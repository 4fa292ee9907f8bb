import { AvroCursor } from '../schemas/avro-cursor.ts';
import { columnReader } from '../schemas/avro-reader.ts';
import { logicalOf } from '../schemas/avro-types.ts';
import type { Bytes } from '../schemas/bytes.ts';
import type { Field, KnownType } from '../schemas/change-cursor.ts';
import type { GovernedCursor, GovernedForm } from '../schemas/governed-record.ts';
import { PositionBytes, positionLength } from '../schemas/position-bytes.ts';
import { unchanged } from '../schemas/value.ts';
import { binaryWriter, escapeWriter, type WriteValue } from './postgres-binary.ts';
import type { MirrorTable } from './postgres-tables.ts';
import { valueText } from './postgres-write.ts';

/** A column of a row that is copied: the type it has on the way, and whether that is the mirror's own. */
export interface CopiedColumn {
  readonly name: string;
  readonly staged: string;
  readonly isCast: boolean;
}

/** Where in a row that was written its position begins, and how many bytes are before the first row. */
export const positionAt = 6;
export const copyHead = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');

/** By the branch of its union: writes what a column says. */
type Branches = readonly WriteValue[];

/**
 * Writes whole rows of one form as rows of a binary COPY, their position first, straight from the bytes they came
 * in. What it does not write is for those who read the row's values.
 */
export class RowWriter {
  readonly columns: readonly CopiedColumn[];
  readonly #branches: readonly Branches[];
  readonly #position = new PositionBytes();

  private constructor(columns: readonly CopiedColumn[], branches: readonly Branches[]) {
    this.columns = columns;
    this.#branches = branches;
  }

  /** Null if the rows of that form are not the table's. */
  static of({ cursor }: GovernedForm, table: MirrorTable): RowWriter | null {
    const columns: CopiedColumn[] = [];
    const branches: Branches[] = [];
    for (const field of cursor.rowFields) {
      const type = table.types.get(field.name);
      if (type === undefined || !field.isUnion) return null;
      const way = wayOf(field, type);
      columns.push({ name: field.name, staged: way.staged, isCast: way.staged !== type });
      branches.push(way.branches);
    }
    return new RowWriter(columns, branches);
  }

  /** Writes the row that the cursor read. False, and nothing written, if it is not whole or not all binary. */
  write(cursor: GovernedCursor, out: Bytes): boolean {
    const from = out.at;
    const { data, after } = cursor;
    const { starts } = after;
    const branches = this.#branches;
    out.short(branches.length + 1);
    out.word(positionLength);
    this.#position.write(cursor, out);
    for (let index = 0; index < branches.length; index++) {
      const at = starts[index] ?? 0;
      const write = branches[index]?.[(data[at] ?? 0) >> 1];
      if (write?.(data, at + 1, out)) continue;
      out.at = from;
      return false;
    }
    return true;
  }
}

const writeNull: WriteValue = (_data, _at, out) => {
  out.word(-1);
  return true;
};

/** How a column is written: as the mirror's type, or else as a text that the server casts. */
function wayOf(field: Field, type: string): { staged: string; branches: Branches } {
  const types: readonly KnownType[] = field.type.types ?? [];
  const plain = type.replace(/\(\d+(,-?\d+)?\)/, '');
  const binaries = types.map((branch) => {
    const logical = logicalOf(branch);
    return binaryWriter(logical?.name ?? branch.typeName, logical?.scale ?? 0, plain);
  });
  const values = types.filter((branch) => !isMark(branch));
  const first = values[0];
  const isBinary = first !== undefined && binaries[types.indexOf(first)] !== undefined;
  return {
    staged: isBinary ? type : 'text',
    branches: types.map((branch, at) => {
      if (branch.typeName === 'null') return writeNull;
      if (isMark(branch)) return () => false;
      if (!isBinary) return writerOfText(branch);
      return binaries[at] ?? escapeWriter(plain);
    }),
  };
}

/** Whether a branch has no value: null, and unchanged. */
const isMark = ({ typeName }: KnownType): boolean =>
  typeName === 'null' || typeName === 'logical:unchanged';

/** Writes the same text that is written where rows are read. */
function writerOfText(branch: KnownType): WriteValue {
  const raw = binaryWriter(branch.typeName, 0, 'text');
  if (raw) return raw;
  const read = columnReader(branch);
  return (data, at, out) => {
    const value = read(new AvroCursor(data, at));
    if (value === null || value === unchanged) return false;
    const text = Buffer.from(valueText(value));
    out.word(text.length);
    out.copy(text, 0, text.length);
    return true;
  };
}
