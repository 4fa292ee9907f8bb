import type { ConnectionPool } from '@databases/pg';
import { sql } from '@databases/pg';
import { asCaptured } from '../type-stream.ts';
import type { PlainColumn } from './plain-avro.ts';

/** A value as the server prints it, null, or what says that it did not change. */
export type Text = string | null | typeof kept;

export const kept = Symbol('unchanged');

/** A number of days or microseconds that only the server can print. */
export interface Moment {
  readonly logical: string;
  readonly at: bigint;
}

/** What plain Avro made of a value, as text; of dates and times what the server is to be asked for. */
export function textOf({ pgType, logical, scale }: PlainColumn, value: unknown): Text | Moment {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return canonical(pgType, value);
  if (typeof value === 'boolean') return value ? 't' : 'f';
  if (Buffer.isBuffer(value))
    return logical === 'decimal' ? decimal(value, scale) : `\\x${value.toString('hex')}`;
  if (typeof value === 'bigint' || typeof value === 'number') {
    if (logical !== null) return { logical, at: BigInt(value) };
    return canonical(pgType, Object.is(value, -0) ? '-0' : `${value}`);
  }
  return kept;
}

/** One text for one value: a float may be printed in several ways. */
export function canonical(pgType: string, text: string): string {
  if (pgType === 'boolean') return text.startsWith('t') ? 't' : 'f';
  if (pgType !== 'real' && pgType !== 'double precision') return text;
  const number = pgType === 'real' ? Math.fround(Number(text)) : Number(text);
  return Object.is(number, -0) ? '-0' : `${number}`;
}

/** A name as SQL, whatever is in it. */
export const identifier = (name: string) =>
  sql.__dangerous__rawValue(`"${name.replaceAll('"', '""')}"`);

function decimal(bytes: Buffer, scale: number): string {
  const value = BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex') || '0'}`));
  const digits = `${value < 0n ? -value : value}`.padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  const sign = value < 0n ? '-' : '';
  return scale === 0 ? `${sign}${whole}` : `${sign}${whole}.${digits.slice(-scale)}`;
}

const printed: Readonly<Record<string, string>> = {
  date: `(date '1970-01-01' + n::int)::text`,
  'time-micros': `(CASE WHEN n = 86400000000 THEN time '24:00:00' ELSE time '00:00:00' + n * interval '1 microsecond' END)::text`,
  'timestamp-micros': `(timestamptz '1970-01-01 00:00:00+00' + (n / 86400000000) * interval '1 day' + (n % 86400000000) * interval '1 microsecond')::text`,
  'local-timestamp-micros': `(timestamp '1970-01-01 00:00:00' + (n / 86400000000) * interval '1 day' + (n % 86400000000) * interval '1 microsecond')::text`,
};

/** Has the server print days and times: it knows its own calendar, and nothing of ours. */
export async function printer(
  db: ConnectionPool,
  moments: Iterable<Moment>,
): Promise<(moment: Moment) => string> {
  const texts = new Map<string, string>();
  const wanted = new Map<string, Set<bigint>>();
  for (const { logical, at } of moments)
    wanted.set(logical, (wanted.get(logical) ?? new Set()).add(at));
  for (const [logical, numbers] of wanted) {
    const list = [...numbers].map(String);
    const expression = sql.__dangerous__rawValue(printed[logical] ?? 'NULL');
    const rows = (await asCaptured(db, (tx) =>
      tx.query(sql`SELECT n::text, ${expression} AS text FROM unnest(${list}::bigint[]) AS n`),
    )) as readonly { readonly n: string; readonly text: string }[];
    for (const { n, text } of rows) texts.set(`${logical} ${n}`, text);
  }
  return ({ logical, at }) => {
    const text = texts.get(`${logical} ${at}`);
    if (text === undefined) throw new Error(`the server was not asked to print ${logical} ${at}`);
    return text;
  };
}
