import type { Row } from '../../schemas/value.ts';

/** A row as a sink holds it now, every value as PostgreSQL would print it (time in UTC). */
export type TextRow = Readonly<Record<string, string | null>>;

/** Rows in an order of their own, for comparing. */
export const sorted = (rows: readonly TextRow[]): readonly TextRow[] =>
  [...rows].sort((a, b) => (textOf(a) < textOf(b) ? -1 : 1));

const textOf = (row: TextRow): string =>
  JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)));

/** A row as PostgreSQL would print it. */
export const asText = (row: Row): TextRow =>
  Object.fromEntries(
    Object.entries(row).map(([column, value]) => [column, value === null ? null : String(value)]),
  );

/** A column of every kind of type. */
export const valueColumns = {
  id: 'bigint',
  'odd "name`s': 'text',
  small: 'smallint',
  amount: 'numeric(20,4)',
  any_number: 'numeric',
  ratio: 'double precision',
  ok: 'boolean',
  doc: 'jsonb',
  at: 'timestamp with time zone',
  plain_at: 'timestamp without time zone',
  day: 'date',
  ref: 'uuid',
  tags: 'text[]',
  mood: 'public.a_type_that_only_the_source_has',
} as const;

const nothing: Row = Object.fromEntries(Object.keys(valueColumns).map((column) => [column, null]));

/** The values that are most easily bent on their way. */
export const valueRows: readonly Row[] = [
  {
    id: 9_223_372_036_854_775_807n,
    'odd "name`s': 'Zoë 🦊 مرحبا',
    small: -32768,
    amount: '-1234567890123456.7890',
    any_number: '3.14159265358979323846264338327950288',
    ratio: 0.1,
    ok: true,
    doc: '{"a": [1, null, "x"]}',
    at: '2026-11-21 05:00:00.123+00',
    plain_at: '1969-12-31 23:59:59.999999',
    day: '1970-01-01',
    ref: '0189e0a2-0000-7000-8000-00000000abcd',
    tags: '{a,NULL,"b c"}',
    mood: 'happy',
  },
  {
    ...nothing,
    id: -9_223_372_036_854_775_808n,
    'odd "name`s': `quotes ' " \` back\\slash \\N {NULL} \n\r\t tab, $1 ${'${x}'} \\u0041`,
    small: 0,
    ratio: -1e300,
    ok: false,
    any_number: '-0.000000000000000000001',
    at: '2262-04-11 23:47:16.854775+00',
  },
  { ...nothing, id: 0n, 'odd "name`s': '' },
  { ...nothing, id: 1n, 'odd "name`s': 'NULL', mood: 'null' },
  { ...nothing, id: 2n, 'odd "name`s': 'x'.repeat(300_000) },
];
