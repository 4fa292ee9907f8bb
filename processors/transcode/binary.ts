import { type AvroColumn, branchesOf, hasEscape, kindOf } from '../../schemas/avro.ts';
import { Bytes } from '../../schemas/bytes.ts';
import { sameText } from './binary-bytes.ts';
import type { BinaryText } from './binary-numbers.ts';
import { binaryText } from './binary-text.ts';
import { binaryValueWriter } from './binary-values.ts';
import { type Flavour, textJsonWriter } from './json.ts';
import { type ColumnWriter, textKeyWriter, textUnionWriter } from './text.ts';

/**
 * Writes a column of a row from the server's binary form of a type, in the same bytes as from its text;
 * null for a type whose text it does not know exactly. `isText` says of a type that is not the server's
 * own that its binary form is its text, as an enum's is.
 */
export function binaryUnionWriter(
  column: AvroColumn,
  type: string,
  isText = false,
): ColumnWriter | null {
  const direct = binaryValueWriter(column, type);
  const byText = throughText(textUnionWriter(column), type, isText);
  if (!direct || !byText) return byText;
  const branch = branchesOf(column.kind).value;
  return (data, start, length, out) => {
    const begun = out.at;
    out.byte(branch);
    if (direct(data, start, length, out)) return;
    out.at = begun;
    byText(data, start, length, out);
  };
}

/** Writes a field of the key from the server's binary form of a type. */
export function binaryKeyWriter(
  column: AvroColumn,
  type: string,
  isText = false,
): ColumnWriter | null {
  const direct = binaryValueWriter(column, type);
  const byText = throughText(textKeyWriter(column), type, isText);
  if (!direct || !byText) return byText;
  const hasBranch = hasEscape(column.kind);
  return (data, start, length, out) => {
    const begun = out.at;
    if (hasBranch) out.byte(0);
    if (direct(data, start, length, out)) return;
    out.at = begun;
    byText(data, start, length, out);
  };
}

/** Writes a column's value as JSON from the server's binary form of a type. */
export function binaryJsonWriter(
  column: AvroColumn,
  type: string,
  flavour: Flavour,
  isText = false,
): ColumnWriter | null {
  const text = isText ? null : binaryText(type);
  const around = text && aroundText(column, type, flavour);
  if (!text || around === null) return throughText(textJsonWriter(column, flavour), type, isText);
  const [before, after] = around;
  return (data, start, length, out) => {
    out.ascii(before);
    text(data, start, length, out);
    out.ascii(after);
  };
}

/** What stands around a text that JSON takes as it is; null if the text has to be looked at. */
function aroundText(
  { kind }: AvroColumn,
  type: string,
  flavour: Flavour,
): readonly [before: string, after: string] | null {
  const isWhole = wholeTypes.has(type);
  if (kind === 'int' && isWhole) return ['', ''];
  if (kind === 'long' && isWhole) return flavour === 'key' ? ['', ''] : ['["bigint","', '"]'];
  return plainKinds.has(kind) && kind === kindOf(type) ? ['"', '"'] : null;
}

const wholeTypes: ReadonlySet<string> = new Set([
  'smallint',
  'integer',
  'bigint',
  'oid',
  'xid',
  'cid',
]);

/** Kinds of which no text has anything that JSON would escape. */
const plainKinds: ReadonlySet<string> = new Set([
  'uuid',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'decimal',
]);

const scratch = new Bytes(4_096); // Of all columns: what is in it is used before another has its turn.

/** Makes the server's text first: what is written from it is by construction what its text would give. */
function throughText(write: ColumnWriter, type: string, isText: boolean): ColumnWriter | null {
  const text: BinaryText | null = isText ? sameText : binaryText(type);
  if (!text) return null;
  if (text === sameText) return write;
  return (data, start, length, out) => {
    scratch.clear();
    text(data, start, length, scratch);
    write(scratch.data, 0, scratch.at, out);
    scratch.clear();
  };
}
