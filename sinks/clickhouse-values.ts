import { AvroInteger } from '../schemas/avro-integer.ts';
import { AvroCursor } from '../schemas/avro-cursor.ts';
import { columnReader } from '../schemas/avro-reader.ts';
import { type Logical, logicalOf } from '../schemas/avro-types.ts';
import type { KnownType } from '../schemas/change-cursor.ts';
import { Bytes } from '../schemas/bytes.ts';
import { writeTime } from '../schemas/moment.ts';
import {
  decimalWidth,
  inBounds,
  putHalves,
  putLittle,
  putSized,
  putVarint,
  putWord,
} from './clickhouse-bytes.ts';
import { putText, type Refuse } from './clickhouse-text.ts';

/** Writes the value that lies at a place as ClickHouse keeps it. */
export type Put = (from: Buffer, at: number, to: Bytes) => void;

/** The bytes of a value that is not there, where a column must have one. */
export function emptyOf(type: string): Buffer {
  return type === 'String' ? Buffer.from([0]) : Buffer.alloc(widthOf(type));
}

/** How to write what an Avro type holds into a column of that type; whatever has no way of its own goes by its text. */
export function putOf(avro: KnownType, type: string, refuse: Refuse): Put {
  const logical = logicalOf(avro);
  return (
    (logical ? ofLogical(logical, type, refuse) : ofPlain(avro.typeName, type)) ??
    byText(avro, type, refuse)
  );
}

const halves = new AvroInteger();
const scratch = new Bytes(64);

/** How many bytes a value of a fixed width takes. */
function widthOf(type: string): number {
  const digits = Number(/^Decimal\((\d+)/.exec(type)?.[1] ?? 0);
  if (digits > 0) return decimalWidth(digits);
  const width = widths[type.replace(/\(.*/, '')];
  if (width === undefined) throw new TypeError(`${type} is no type of the warehouse`);
  return width;
}

const widths: Readonly<Record<string, number>> = {
  Int16: 2,
  Int32: 4,
  Int64: 8,
  Bool: 1,
  Float32: 4,
  Float64: 8,
  Date32: 4,
  DateTime64: 8,
  UUID: 16,
  UInt32: 4,
  UInt64: 8,
};

function ofPlain(avro: string, type: string): Put | null {
  switch (avro) {
    case 'int':
      return type === 'Int32' ? putInteger : type === 'Int16' ? putSmall : null;
    case 'long':
    case 'abstract:long':
      return type === 'Int64' ? putLong : null;
    case 'float':
      return type === 'Float32' ? putFixed(4) : null;
    case 'double':
      return type === 'Float64' ? putFixed(8) : null;
    case 'boolean':
      return type === 'Bool' ? putFixed(1) : null;
    case 'string':
      return type === 'String' ? putString : null;
    case 'bytes':
      return type === 'String' ? putHex : null;
    default:
      return null;
  }
}

function ofLogical({ name, scale }: Logical, type: string, refuse: Refuse): Put | null {
  switch (name) {
    case 'date':
      return type === 'Date32' ? putDay(refuse) : null;
    case 'timestamp-micros':
    case 'local-timestamp-micros':
      return type.startsWith('DateTime64') ? putMoment(refuse) : null;
    case 'time-micros':
      return type === 'String' ? putTimeText : null;
    case 'decimal':
      return type.endsWith(`, ${scale})`) ? putDecimal(widthOf(type), refuse) : null;
    case 'uuid':
      return null;
  }
}

const putInteger: Put = (from, at, to) => {
  halves.read(from, at);
  putWord(halves.low, to);
};

const putSmall: Put = (from, at, to) => {
  halves.read(from, at);
  putLittle(halves.low, 2, to);
};

const putLong: Put = (from, at, to) => {
  halves.read(from, at);
  putHalves(halves.high, halves.low, to);
};

const putFixed =
  (width: number): Put =>
  (from, at, to) => {
    to.room(width);
    for (let byte = 0; byte < width; byte++) to.data[to.at++] = from[at + byte] ?? 0;
  };

const putString: Put = (from, at, to) => {
  halves.read(from, at);
  putSized(from, halves.at, halves.low, to);
};

/** As the server writes bytes. */
const putHex: Put = (from, at, to) => {
  halves.read(from, at);
  const length = halves.low;
  putVarint(2 + length * 2, to);
  to.ascii('\\x');
  to.room(length * 2);
  for (let byte = 0; byte < length; byte++) {
    const value = from[halves.at + byte] ?? 0;
    to.data[to.at++] = hexDigit(value >> 4);
    to.data[to.at++] = hexDigit(value & 15);
  }
};

const hexDigit = (value: number): number => (value < 10 ? 0x30 : 0x57) + value;

const putTimeText: Put = (from, at, to) => {
  halves.read(from, at);
  scratch.clear();
  writeTime(halves.high * 0x1_0000_0000 + (halves.low >>> 0), scratch);
  putSized(scratch.data, 0, scratch.at, to);
};

const putDay =
  (refuse: Refuse): Put =>
  (from, at, to) => {
    halves.read(from, at);
    if (!inBounds.day(halves.low)) throw refuse('is a date');
    putWord(halves.low, to);
  };

const putMoment =
  (refuse: Refuse): Put =>
  (from, at, to) => {
    halves.read(from, at);
    if (!inBounds.moment(halves.high, halves.low)) throw refuse('is a date');
    putHalves(halves.high, halves.low, to);
  };

/** From the greatest byte first and as few as will do to the least byte first and as many as there are. */
const putDecimal =
  (width: number, refuse: Refuse): Put =>
  (from, at, to) => {
    halves.read(from, at);
    const length = halves.low;
    if (length > width) throw refuse('is a number');
    const sign = ((from[halves.at] ?? 0) & 128) === 0 || length === 0 ? 0 : 255;
    to.room(width);
    for (let byte = 0; byte < width; byte++) {
      to.data[to.at++] = byte < length ? (from[halves.at + length - 1 - byte] ?? 0) : sign;
    }
  };

function byText(avro: KnownType, type: string, refuse: Refuse): Put {
  const read = columnReader(avro);
  const put = putText(type, refuse);
  return (from, at, to) => put(String(read(new AvroCursor(from, at))), to);
}
