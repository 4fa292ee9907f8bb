import { type AvroColumn, branchesOf, decimalOf, hasEscape } from '../../schemas/avro.ts';
import type { Bytes } from '../../schemas/bytes.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { writeBoolean, writeHex, writeString, writeUuid } from './text-bytes.ts';
import { decimalWriter } from './text-decimal.ts';
import { isEscape } from './text-escape.ts';
import { writeDouble, writeFloat, writeInt, writeLong } from './text-numbers.ts';
import { writeDate, writeTime, writeTimestamp, writeTimestamptz } from './text-times.ts';

/** Writes a column's Avro from its bytes in the server's message, which stay where they are. */
export type ColumnWriter = (data: Buffer, start: number, length: number, out: Bytes) => void;

/** Writes a value without its branch; false, whatever it wrote, if its kind cannot hold the value. */
export type ValueWriter = (data: Buffer, start: number, length: number, out: Bytes) => boolean;

/** The branch of a null, as Avro writes it before nothing at all. */
export const nullBranch = 0;

/** The branch of a column that the source did not send. */
export const unchangedBranch = ({ kind }: AvroColumn): number => branchesOf(kind).unchanged;

/** Writes a column of a row from its text: the branch of the union, and the value. */
export function textUnionWriter(column: AvroColumn): ColumnWriter {
  const { value, text } = branchesOf(column.kind);
  return withBranches(column, textValueWriter(column), value, text);
}

/** Writes a field of the key from its text: it has a branch only if its kind has an escape. */
export function textKeyWriter(column: AvroColumn): ColumnWriter {
  const write = textValueWriter(column);
  if (hasEscape(column.kind)) return withBranches(column, write, 0, 2);
  return (data, start, length, out) => {
    if (!write(data, start, length, out)) throw misfit(column);
  };
}

function withBranches(
  column: AvroColumn,
  write: ValueWriter,
  branch: number,
  escape: number,
): ColumnWriter {
  return (data, start, length, out) => {
    const begun = out.at;
    out.byte(branch);
    if (write(data, start, length, out)) return;
    if (!isEscape(column.kind, data, start, length)) throw misfit(column);
    out.at = begun;
    out.byte(escape);
    out.sized(data, start, length);
  };
}

function textValueWriter(column: AvroColumn): ValueWriter {
  switch (column.kind) {
    case 'int':
      return writeInt;
    case 'long':
      return writeLong;
    case 'float':
      return writeFloat;
    case 'double':
      return writeDouble;
    case 'boolean':
      return writeBoolean;
    case 'string':
      return writeString;
    case 'bytes':
      return writeHex;
    case 'uuid':
      return writeUuid;
    case 'date':
      return writeDate;
    case 'time':
      return writeTime;
    case 'timestamp':
      return writeTimestamp;
    case 'timestamptz':
      return writeTimestamptz;
    case 'decimal':
      return decimalWriter(scaleOf(column));
  }
}

/** The decimal of a column that has one. */
export function scaleOf({ name, type }: AvroColumn) {
  const decimal = decimalOf(type);
  if (!decimal) throw new TypeError(`column ${name}: ${type} is not a decimal type`);
  return decimal;
}

/** What is said of a value that is not of the type that its column is said to have. */
export const misfit = ({ name, type, kind }: AvroColumn): Refusal =>
  new Refusal(
    'undecodable',
    `column ${name} is declared as ${type}, but what the source sends is no ${kind}: correct its physicalType in the contract`,
  );
