import type { AvroColumn } from '../../schemas/avro.ts';
import type { Bytes } from '../../schemas/bytes.ts';
import { numberOf } from '../../schemas/float32.ts';
import { isDigits, writeJsonText } from './json-text.ts';
import { type ColumnWriter, misfit } from './text.ts';
import { doubleOf, floatOf } from './text-numbers.ts';

/** Keys say what a reader may rely on; secrets must come back as they were, so they tag what JSON does not have. */
export type Flavour = 'key' | 'secret';

/** Writes a column's value as JSON from its text, in the same bytes as `keyText` or `encodeSecret` would. */
export function textJsonWriter(column: AvroColumn, flavour: Flavour): ColumnWriter {
  switch (column.kind) {
    case 'int':
      return digitsWriter(column, '', '');
    case 'long':
      return flavour === 'key'
        ? digitsWriter(column, '', '')
        : digitsWriter(column, '["bigint","', '"]');
    case 'float':
      return numberWriter(column, flavour, (data, start, length) => {
        const float = floatOf(data, start, length);
        return float === null ? null : numberOf(float);
      });
    case 'double':
      return numberWriter(column, flavour, doubleOf);
    case 'boolean':
      return (data, start, length, out) => {
        const letter = length === 1 ? data[start] : 0;
        if (letter !== 0x74 && letter !== 0x66) throw misfit(column);
        out.ascii(letter === 0x74 ? 'true' : 'false');
      };
    case 'string':
    case 'bytes':
    case 'uuid':
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
    case 'decimal':
      return writeJsonText;
  }
}

function numberWriter(
  column: AvroColumn,
  flavour: Flavour,
  read: (data: Buffer, start: number, length: number) => number | null,
): ColumnWriter {
  return (data, start, length, out) => {
    const value = read(data, start, length);
    if (value === null) throw misfit(column);
    writeNumber(value, flavour, out);
  };
}

function digitsWriter(column: AvroColumn, before: string, after: string): ColumnWriter {
  return (data, start, length, out) => {
    if (!isDigits(data, start, length)) throw misfit(column);
    out.ascii(before);
    out.copy(data, start, length);
    out.ascii(after);
  };
}

/** Writes a number; what JSON does not have is text in a key, and tagged in a secret. */
function writeNumber(value: number, flavour: Flavour, out: Bytes): void {
  const text = Object.is(value, -0) && flavour === 'secret' ? '-0' : `${value}`;
  const isPlain = Number.isFinite(value) && text !== '-0';
  if (isPlain) out.ascii(text);
  else out.ascii(flavour === 'key' ? `"${text}"` : `["number","${text}"]`);
}
