import { type AvroColumn, decimalOf, type Kind } from './avro.ts';
import { daysInMonth, daysOf } from './calendar.ts';
import { bytesOfDecimal } from './decimal.ts';
import { Refusal } from './refusal.ts';
import { unchanged, type Unchanged, type Value } from './value.ts';

/**
 * A column's value as `avsc` writes it: what its logical type keeps, or its text where that has no place
 * for it. Slow beside what capture does with the same text, and made another way: each is held to the other.
 */
export function exact(column: AvroColumn, value: Value | Unchanged): unknown {
  if (value === null || value === unchanged) return value;
  const written =
    typeof value === 'string' ? ofText[column.kind]?.(value, column) : ofValue(column, value);
  if (written === undefined) throw misfit(column, value);
  return written;
}

function ofValue({ kind }: AvroColumn, value: boolean | number | bigint): unknown {
  if (kind === 'string') return `${value}`;
  if (kind === 'boolean') return typeof value === 'boolean' ? value : undefined;
  if (typeof value === 'boolean') return undefined;
  if (kind === 'long') return isWhole(value) ? BigInt(value) : undefined;
  if (typeof value === 'bigint') return undefined;
  if (kind === 'int') return isWhole(value) ? value : undefined;
  return kind === 'float' || kind === 'double' ? value : undefined;
}

const isWhole = (value: number | bigint): boolean =>
  typeof value === 'bigint' || Number.isInteger(value);

type OfText = (text: string, column: AvroColumn) => unknown;

/** What each kind makes of the text of a value that has no other form on the way; undefined if it is none of the kind. */
const ofText: Readonly<Partial<Record<Kind, OfText>>> = {
  string: (text) => text,
  uuid: (text) => (/^[^-]{8}-[^-]{4}-[^-]{4}-[^-]{4}-[^-]{12}$/.test(text) ? text : undefined),
  bytes: (text) =>
    /^\\x([0-9a-f]{2})*$/.test(text) ? Buffer.from(text.slice(2), 'hex') : undefined,
  date: (text) => dateOf(text),
  time: (text) => timeOf(text),
  timestamp: (text) => timestampOf(text, ''),
  timestamptz: (text) => timestampOf(text, '+00'),
  decimal: (text, column) => decimalOfText(column, text),
};

const anyDate = /^(?:-?infinity|(\d{4,7})-(\d\d)-(\d\d)( BC)?)$/;

function dateOf(text: string): number | string | undefined {
  const found = anyDate.exec(text);
  return found ? (daysIn(found) ?? text) : undefined;
}

function daysIn([, digits = '', month = '', day = '', bc]: RegExpExecArray): number | null {
  if (digits === '' || Number(digits) === 0 || (digits.length > 4 && digits.startsWith('0')))
    return null;
  const year = bc ? 1 - Number(digits) : Number(digits);
  const isDay = Number(day) >= 1 && Number(day) <= daysInMonth(year, Number(month));
  return isDay ? daysOf(year, Number(month), Number(day)) : null;
}

const anyTime = /^(\d\d):(\d\d):(\d\d)(?:\.(\d+))?$/;

function timeOf(text: string): bigint | string | undefined {
  if (!anyTime.test(text)) return undefined;
  return microsIn(text) ?? text;
}

function microsIn(text: string): bigint | null {
  const [, hour = '', minute = '', second = '', part = ''] = anyTime.exec(text) ?? [];
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return null;
  if (part.length > 6 || part.endsWith('0')) return null;
  const seconds = (Number(hour) * 60 + Number(minute)) * 60 + Number(second);
  return BigInt(seconds) * 1_000_000n + BigInt(part.padEnd(6, '0'));
}

const anyTimestamp =
  /^(?:-?infinity|(\d{4,6}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)([+-]\d\d(?::\d\d){0,2})?( BC)?)$/;

function timestampOf(text: string, zone: '' | '+00'): bigint | string | undefined {
  const found = anyTimestamp.exec(text);
  if (!found) return undefined;
  const [, date, time = '', offset = '', bc = ''] = found;
  if (date === undefined) return text;
  if ((offset === '') !== (zone === '')) return undefined;
  const parts = anyDate.exec(date + bc);
  const days = parts && daysIn(parts);
  const micros = microsIn(time);
  if (days === null || micros === null || offset !== zone) return text;
  const all = BigInt(days) * 86_400_000_000n + micros;
  return BigInt.asIntN(64, all) === all ? all : text;
}

function decimalOfText({ name, type }: AvroColumn, text: string): Buffer | string | undefined {
  if (!/^(NaN|-?Infinity|-?\d+(\.\d+)?)$/.test(text)) return undefined;
  const decimal = decimalOf(type);
  if (!decimal) throw new TypeError(`column ${name}: ${type} is not a decimal type`);
  const { precision, scale } = decimal;
  const [, sign = '', whole = '', part = ''] = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?$/.exec(text) ?? [];
  if (whole === '' || part.length !== scale) return text;
  const digits = BigInt(whole + part);
  const written = sign === '-' ? -digits : digits;
  if (`${whole === '0' ? '' : whole}${part}`.length > precision) return text;
  return digits === 0n && sign === '-' ? text : bytesOfDecimal(written);
}

const misfit = ({ name, kind }: AvroColumn, value: boolean | number | bigint | string): Refusal =>
  new Refusal(
    'undecodable',
    `column ${name} is declared as ${kind}, but the source sends a ${typeof value}: correct its physicalType in the contract`,
  );
