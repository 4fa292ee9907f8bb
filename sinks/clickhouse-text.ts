import { exact } from '../schemas/exact.ts';
import { Refusal } from '../schemas/refusal.ts';
import type { Bytes } from '../schemas/bytes.ts';
import { decimalWidth, inBounds, putHalves, putLittle, putSized } from './clickhouse-bytes.ts';

/** Says of a value, without telling it, what ClickHouse does not hold. */
export type Refuse = (what: 'is a date' | 'is a number' | 'is a value') => Refusal;

/** The refusals of one column. */
export const refusing =
  (table: string, column: string, type: string): Refuse =>
  (what) =>
    new Refusal(
      'rejected-by-sink',
      `table ${table}: column ${column} ${what} that ClickHouse cannot hold (${
        what === 'is a date' ? 'it begins at 1900 and ends at 2299' : `it is ${type} there`
      })`,
    );

type PutText = (text: string, to: Bytes) => void;

/** How to write a value from its text, as the server prints it: slow, exact, and for what is rare. */
export function putText(type: string, refuse: Refuse): PutText {
  const kind = type.replace(/\(.*/, '');
  switch (kind) {
    case 'String':
      return putString;
    case 'Int16':
    case 'Int32':
    case 'Int64':
      return putInteger(Number(kind.slice(3)), refuse);
    case 'Float32':
    case 'Float64':
      return putFloat(kind === 'Float32' ? 4 : 8, refuse);
    case 'Bool':
      return putBool(refuse);
    case 'UUID':
      return putUuid(refuse);
    case 'Date32':
    case 'DateTime64':
      return putDate(kind, refuse);
    case 'Decimal':
      return putDecimal(type, refuse);
    default:
      throw new TypeError(`${type} is no type of the warehouse`);
  }
}

const putString: PutText = (text, to) => {
  const bytes = Buffer.from(text);
  putSized(bytes, 0, bytes.length, to);
};

/** The least byte first. */
function putBig(value: bigint, width: number, to: Bytes): void {
  to.room(width);
  let rest = BigInt.asUintN(width * 8, value);
  for (let byte = 0; byte < width; byte++) {
    to.data[to.at++] = Number(rest & 255n);
    rest >>= 8n;
  }
}

const putInteger =
  (bits: number, refuse: Refuse): PutText =>
  (text, to) => {
    if (!/^-?\d+$/.test(text)) throw refuse('is a value');
    const value = BigInt(text);
    if (BigInt.asIntN(bits, value) !== value) throw refuse('is a number');
    putBig(value, bits / 8, to);
  };

const putFloat =
  (width: 4 | 8, refuse: Refuse): PutText =>
  (text, to) => {
    const value = Number(text);
    if (Number.isNaN(value) && text !== 'NaN') throw refuse('is a value');
    if (width === 4) to.float(value);
    else to.double(value);
  };

const putBool =
  (refuse: Refuse): PutText =>
  (text, to) => {
    if (!/^(t|f|true|false)$/.test(text)) throw refuse('is a value');
    to.byte(text.startsWith('t') ? 1 : 0);
  };

/** Two numbers of 64 bits. */
const putUuid =
  (refuse: Refuse): PutText =>
  (text, to) => {
    const digits = text.replaceAll('-', '');
    if (!/^[\da-f]{32}$/i.test(digits)) throw refuse('is a value');
    putBig(BigInt(`0x${digits.slice(0, 16)}`), 8, to);
    putBig(BigInt(`0x${digits.slice(16)}`), 8, to);
  };

const putDate = (kind: 'Date32' | 'DateTime64', refuse: Refuse): PutText => {
  const name = '';
  const column = { name, type: kind, kind: kind === 'Date32' ? 'date' : 'timestamp' } as const;
  return (text, to) => {
    let value: unknown;
    try {
      value = exact(column, text.replace(/\+00$/, ''));
    } catch {
      throw refuse('is a value');
    }
    if (typeof value === 'number' && inBounds.day(value)) return putLittle(value, 4, to);
    if (typeof value !== 'bigint') throw refuse('is a date');
    const [high, low] = [Number(value >> 32n), Number(BigInt.asIntN(32, value))];
    if (!inBounds.moment(high, low)) throw refuse('is a date');
    putHalves(high, low, to);
  };
};

const putDecimal = (type: string, refuse: Refuse): PutText => {
  const [, precision = '0', scale = '0'] = /^Decimal\((\d+), (\d+)\)$/.exec(type) ?? [];
  const width = decimalWidth(+precision);
  return (text, to) => {
    const [, sign = '', whole = '', part = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
    if (whole === '' || /[1-9]/.test(part.slice(+scale))) throw refuse('is a number');
    const digits = BigInt(whole + part.slice(0, +scale).padEnd(+scale, '0'));
    if (digits >= 10n ** BigInt(precision)) throw refuse('is a number');
    putBig(sign === '-' ? -digits : digits, width, to);
  };
};
