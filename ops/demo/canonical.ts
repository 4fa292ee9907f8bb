import type { Value } from '../../schemas/value.ts';

/**
 * One text for a value of that type, however a store prints it: exact numbers without idle zeros,
 * moments in UTC with microseconds, JSON with its keys in order. Null stays null.
 */
export function canonical(type: string, value: Value): string | null {
  if (value === null) return null;
  const text = String(value);
  const base = type.replace(/\(.*?\)/, '').trim();
  if (type.endsWith('[]')) return text;
  if (base === 'boolean') return /^(?:t|true|1)$/.test(text) ? 'true' : 'false';
  if (integers.has(base)) return /^-?\d+$/.test(text) ? BigInt(text).toString() : text;
  if (base === 'numeric') return decimal(text);
  if (base === 'real') return String(Math.fround(Number(text)));
  if (base === 'double precision') return String(Number(text));
  if (base.startsWith('timestamp')) return moment(text, base.endsWith('with time zone'));
  if (base === 'jsonb' || base === 'json') return json(text);
  return text;
}

const integers: ReadonlySet<string> = new Set(['smallint', 'integer', 'bigint']);

function decimal(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i.exec(text) ?? [];
  if (whole === '' && fraction === '') return text; // NaN and the infinities.
  const point = whole.length + Number(exponent);
  const digits = `${'0'.repeat(Math.max(0, -point))}${whole}${fraction}`.padEnd(point, '0');
  const left = digits.slice(0, Math.max(0, point)).replace(/^0+/, '') || '0';
  const right = digits.slice(Math.max(0, point)).replace(/0+$/, '');
  const number = right ? `${left}.${right}` : left;
  return sign === '-' && number !== '0' ? `-${number}` : number;
}

const dateTime =
  /^(\d{4,})-(\d\d)-(\d\d)[ T](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?(?:\[.*\])?$/;

/** A moment, or with `zoned` false a reading of a clock. What is neither stays as it is: `infinity`. */
function moment(text: string, zoned: boolean): string {
  const [, year, month, day, hour, minute, second = '0', fraction = '', zone = 'Z'] =
    dateTime.exec(text) ?? [];
  if (year === undefined) return text;
  const at = new Date(0);
  at.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  at.setUTCHours(Number(hour), Number(minute) - (zoned ? offset(zone) : 0), Number(second));
  return `${at.toISOString().slice(0, -5)}.${fraction.padEnd(6, '0').slice(0, 6)}`;
}

/** Minutes east of Greenwich. */
function offset(zone: string): number {
  if (zone === 'Z') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3).replace(':', '') || 0);
  return zone.startsWith('-') ? -minutes : minutes;
}

function json(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text, ordered));
  } catch {
    return text;
  }
}

/** Orders keys, and keeps a number as it was written: a double would lose digits. */
function ordered(_: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value === 'number' && context?.source !== undefined)
    return `\u0000${decimal(context.source)}`;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
