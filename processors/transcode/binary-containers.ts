import { Bytes } from '../../schemas/bytes.ts';
import type { BinaryText } from './binary-numbers.ts';

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const absent = -1;

/** Characters by what they do to a text inside of something else. */
const charactersOf = (text: string): Uint8Array => {
  const found = new Uint8Array(256);
  for (const byte of Buffer.from(text)) found[byte] = 1;
  return found;
};
const spaces = ' \t\n\r\v\f';
const bracesAndSpaces = `"\\{}${spaces}`;
const boundSpecial = charactersOf(`"\\()[],${spaces}`);
const escaped = charactersOf('"\\');

/** What an element is written to before it is known whether it needs quotes. Elements nest: each level has its own. */
const scratch = () => new Bytes(256);

const ended: readonly number[] = [];

/** Of an array of elements of one type: quotes where the text would mean something else, bounds where they are not 1. */
export function arrayText(element: BinaryText, delimiter = ','): BinaryText {
  const text = scratch();
  const special = charactersOf(bracesAndSpaces + delimiter);
  const between = delimiter.charCodeAt(0);

  /** Writes the elements from `at` on, in as many levels as there are sizes, and returns where they end. */
  const write = (data: Buffer, start: number, sizes: readonly number[], out: Bytes): number => {
    const inner = sizes.length > 1 ? sizes.slice(1) : ended;
    let at = start;
    out.byte(0x7b);
    for (let index = 0; index < (sizes[0] ?? 0); index++) {
      if (index > 0) out.byte(between);
      if (inner !== ended) {
        at = write(data, at, inner, out);
        continue;
      }
      const length = data.readInt32BE(at);
      at += 4;
      if (length === absent) {
        out.ascii('NULL');
        continue;
      }
      text.clear();
      element(data, at, length, text);
      writeQuoted(text, special, isNullWord(text), false, out);
      at += length;
    }
    out.byte(0x7d);
    return at;
  };

  return (data, start, _length, out) => {
    const depth = data.readInt32BE(start);
    if (depth === 0) return out.ascii('{}');
    const elements = start + 12 + 8 * depth;
    const sizes: number[] = [];
    let bounds = '';
    for (let at = start + 12; at < elements; at += 8) {
      const size = data.readInt32BE(at);
      const bound = data.readInt32BE(at + 4);
      sizes.push(size);
      bounds += `[${bound}:${bound + size - 1}]`;
    }
    if (/\[(?!1:)/.test(bounds)) out.ascii(`${bounds}=`);
    write(data, elements, sizes, out);
  };
}

/** Copies a text, in quotes if it is empty, if it is asked for, or if something in it is special. */
function writeQuoted(
  { data, at: length }: Bytes,
  special: Uint8Array,
  always: boolean,
  doubled: boolean,
  out: Bytes,
): void {
  let isSpecial = always || length === 0;
  for (let at = 0; at < length && !isSpecial; at++) isSpecial = special[data[at] ?? 0] === 1;
  if (!isSpecial) return out.copy(data, 0, length);
  out.byte(quote);
  for (let at = 0; at < length; at++) {
    const byte = data[at] ?? 0;
    if (escaped[byte] === 1) out.byte(doubled ? byte : backslash);
    out.byte(byte);
  }
  out.byte(quote);
}

const isNullWord = ({ data, at }: Bytes): boolean =>
  at === 4 && data.toString('latin1', 0, 4).toLowerCase() === 'null';

const flags = { empty: 1, lowerIn: 2, upperIn: 4, lowerOpen: 8, upperOpen: 16 } as const;

/** Of a range: brackets, and the bounds that it has. */
export function rangeText(bound: BinaryText): BinaryText {
  const text = scratch();
  return (data, start, _length, out) => {
    const flag = data[start] ?? 0;
    if ((flag & flags.empty) !== 0) return out.ascii('empty');
    let at = start + 1;
    const writeBound = (): void => {
      const length = data.readInt32BE(at);
      text.clear();
      bound(data, at + 4, length, text);
      writeQuoted(text, boundSpecial, false, true, out);
      at += 4 + length;
    };
    out.byte((flag & flags.lowerIn) === 0 ? 0x28 : 0x5b);
    if ((flag & flags.lowerOpen) === 0) writeBound();
    out.byte(comma);
    if ((flag & flags.upperOpen) === 0) writeBound();
    out.byte((flag & flags.upperIn) === 0 ? 0x29 : 0x5d);
  };
}

/** Of a multirange: its ranges in braces. */
export const multirangeText =
  (range: BinaryText): BinaryText =>
  (data, start, _length, out) => {
    const count = data.readInt32BE(start);
    let at = start + 4;
    out.byte(0x7b);
    for (let index = 0; index < count; index++) {
      const length = data.readInt32BE(at);
      if (index > 0) out.byte(comma);
      range(data, at + 4, length, out);
      at += 4 + length;
    }
    out.byte(0x7d);
  };

/** Of hstore: keys and values, each in quotes. */
export const hstoreText: BinaryText = (data, start, _length, out) => {
  const count = data.readInt32BE(start);
  let at = start + 4;
  const writeText = (length: number): void => {
    out.byte(quote);
    for (const end = at + length; at < end; at++) {
      const byte = data[at] ?? 0;
      if (escaped[byte] === 1) out.byte(backslash);
      out.byte(byte);
    }
    out.byte(quote);
  };
  for (let index = 0; index < count; index++) {
    if (index > 0) out.ascii(', ');
    const keyLength = data.readInt32BE(at);
    at += 4;
    writeText(keyLength);
    out.ascii('=>');
    const length = data.readInt32BE(at);
    at += 4;
    if (length === absent) out.ascii('NULL');
    else writeText(length);
  }
};

const weights = 'DCBA';

/** Of tsvector: lexemes in quotes, with the places they were found at. */
export const tsvectorText: BinaryText = (data, start, _length, out) => {
  const count = data.readInt32BE(start);
  let at = start + 4;
  for (let index = 0; index < count; index++) {
    if (index > 0) out.byte(0x20);
    out.byte(0x27);
    for (let byte = data[at] ?? 0; byte !== 0; byte = data[++at] ?? 0) {
      if (byte === 0x27 || byte === backslash) out.byte(byte);
      out.byte(byte);
    }
    out.byte(0x27);
    const places = data.readUInt16BE(at + 1);
    at += 3;
    for (let place = 0; place < places; place++, at += 2) {
      const found = data.readUInt16BE(at);
      const weight = weights[found >> 14] ?? '';
      out.ascii(`${place === 0 ? ':' : ','}${found & 0x3fff}${weight === 'D' ? '' : weight}`);
    }
  }
};
