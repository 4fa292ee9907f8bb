import fc from 'fast-check';
import type { AvroColumn, Kind } from '../../schemas/avro.ts';
import type { Position } from '../../schemas/position.ts';
import { numberOf } from '../../schemas/float32.ts';
import { unchanged, type Row, type Unchanged, type Value } from '../../schemas/value.ts';

const uint32 = fc.nat(0xffff_ffff);

export const position: fc.Arbitrary<Position> = fc.record({
  timeline: fc.integer({ min: 1, max: 0x7fff_ffff }),
  lsn: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
  seq: fc.nat(0x7fff_ffff),
  part: fc.nat(0x7fff_ffff),
});

/** Positions that differ in few places, so that each place decides now and then. */
export const nearPosition: fc.Arbitrary<Position> = fc.record({
  timeline: fc.constantFrom(1, 2, 10, 16),
  lsn: fc.constantFrom(0n, 9n, 16n, 0xffff_ffffn, 0x1_0000_0000n, 2n ** 63n - 1n),
  seq: fc.oneof(fc.nat(3), fc.constantFrom(9, 10, 255, 256), uint32),
  part: fc.oneof(fc.nat(3), fc.constantFrom(15, 16), uint32),
});

/** Text as PostgreSQL can hold it: any characters but a zero. */
export const text = fc.string({ unit: 'binary' }).map((each) => each.replaceAll('\0', ''));

/** Column names: plain, quoted, of another script, and some that mean something to JavaScript or to us. */
export const columnName = fc.oneof(
  fc.string({ minLength: 1, maxLength: 12 }).map((each) => `c${each}`),
  fc.stringMatching(/^[a-z_][a-z0-9_]{0,10}$/),
  fc.constantFrom(
    '__proto__',
    'toString',
    '_x',
    '_x41',
    '_xyz',
    'Größe',
    '姓名',
    'a b',
    'a.b',
    '"',
    '1st',
    '$',
    'class',
    '-',
  ),
);

/** A moment as the server writes it in UTC, but for its zone. */
const moment = fc
  .tuple(
    fc.integer({ min: -62_135_596_800, max: 253_402_300_799 }),
    fc.oneof(fc.constant(0), fc.nat(999_999)),
  )
  .map(([second, micros]) => {
    const [date = '', time = ''] = new Date(second * 1_000).toISOString().split('T');
    const part = micros === 0 ? '' : `.${`${micros}`.padStart(6, '0').replace(/0+$/, '')}`;
    return { date, time: `${time.slice(0, 8)}${part}` };
  });

const infinite = fc.constantFrom('infinity', '-infinity');
const decimal = fc
  .tuple(fc.boolean(), fc.nat(9_999_999_999), fc.nat(99))
  .filter(([negative, whole, part]) => !negative || whole + part > 0)
  .map(([negative, whole, part]) => `${negative ? '-' : ''}${whole}.${`${part}`.padStart(2, '0')}`);

const valueOf: Readonly<Record<Kind, fc.Arbitrary<Value>>> = {
  int: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  long: fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n, 0n),
  ),
  boolean: fc.boolean(),
  float: fc
    .oneof(fc.float(), fc.constantFrom(1.1, NaN, Infinity, -0, 2 ** -149))
    .map((each) => numberOf(Math.fround(each))),
  double: fc.oneof(fc.double(), fc.constantFrom(NaN, Infinity, -Infinity, -0, 5e-324)),
  string: fc.oneof(text, fc.constantFrom('', 'null', 'unchanged', '\\x00')),
  bytes: fc.uint8Array().map((bytes) => `\\x${Buffer.from(bytes).toString('hex')}`),
  uuid: fc.uuid(),
  date: fc.oneof(
    moment.map(({ date }) => date),
    infinite,
    fc.constantFrom('0044-03-15 BC', '5874897-12-31'),
  ),
  time: fc.oneof(
    moment.map(({ time }) => time),
    fc.constant('24:00:00'),
  ),
  timestamp: fc.oneof(
    moment.map(({ date, time }) => `${date} ${time}`),
    infinite,
    fc.constantFrom('0001-12-31 23:59:59.999999 BC', '294276-12-31 23:59:59'),
  ),
  timestamptz: fc.oneof(
    moment.map(({ date, time }) => `${date} ${time}+00`),
    infinite,
    fc.constantFrom('4714-11-24 00:00:00+00 BC', '294276-12-31 23:59:59.5+00'),
  ),
  decimal: fc.oneof(decimal, fc.constantFrom('NaN', '12345678901.00', '1.5', '0.00')),
};

const typeOf: Readonly<Record<Kind, string>> = {
  int: 'integer',
  long: 'bigint',
  boolean: 'boolean',
  float: 'real',
  double: 'double precision',
  string: 'text',
  bytes: 'bytea',
  uuid: 'uuid',
  date: 'date',
  time: 'time without time zone',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
  decimal: 'numeric(12,2)',
};

/** Every kind that a column can have. */
export const kinds = Object.keys(typeOf) as readonly Kind[];

/** A column of a kind, by any name. */
export const columnOf = (kind: Kind): fc.Arbitrary<AvroColumn> =>
  columnName.map((name) => ({ name, kind, type: typeOf[kind] }));

const column = fc.constantFrom(...kinds).chain(columnOf);

export const columns = fc.uniqueArray(column, {
  selector: ({ name }) => name,
  minLength: 1,
  maxLength: 6,
});

/** A value of each column: null and unchanged among them unless they are a key's. */
export const rowOf = (of: readonly AvroColumn[]): fc.Arbitrary<Row> =>
  recordOf(of, ({ kind: each }) =>
    fc.oneof({ weight: 4, arbitrary: valueOf[each] }, fc.constantFrom(null, unchanged)),
  );

export const keyOf = (of: readonly AvroColumn[]) =>
  recordOf(of, ({ kind: each }) => valueOf[each]) as fc.Arbitrary<Record<string, Value>>;

/** Any value of a kind, as the rest of the way knows it. */
export const valuesOf = (kind: Kind): fc.Arbitrary<Value> => valueOf[kind];

const recordOf = (
  of: readonly AvroColumn[],
  each: (column: AvroColumn) => fc.Arbitrary<Value | Unchanged>,
): fc.Arbitrary<Row> =>
  fc
    .tuple(...of.map(each))
    .map((values) => Object.fromEntries(of.map(({ name }, at) => [name, values[at]!])));
