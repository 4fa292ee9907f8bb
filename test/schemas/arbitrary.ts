import fc from 'fast-check';
import type { AvroColumn, Kind } from '../../schemas/avro.ts';
import type { Position } from '../../schemas/position.ts';
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
  fc.stringMatching(/^[a-z_][a-z0-9_]{0,10}$/).filter((each) => each !== '__proto__'),
  fc.constantFrom(
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

const valueOf: Readonly<Record<Kind, fc.Arbitrary<Value>>> = {
  int: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  long: fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n, 0n),
  ),
  boolean: fc.boolean(),
  double: fc.oneof(fc.double(), fc.constantFrom(NaN, Infinity, -Infinity, -0, 5e-324)),
  string: fc.oneof(text, fc.constantFrom('', 'null', 'unchanged', '\\x00')),
};

const typeOf: Readonly<Record<Kind, string>> = {
  int: 'integer',
  long: 'bigint',
  boolean: 'boolean',
  double: 'double precision',
  string: 'text',
};

const kind = fc.constantFrom<Kind>('int', 'long', 'boolean', 'double', 'string');
const column: fc.Arbitrary<AvroColumn> = fc
  .tuple(columnName, kind)
  .map(([name, of]) => ({ name, kind: of, type: typeOf[of] }));

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

const recordOf = (
  of: readonly AvroColumn[],
  each: (column: AvroColumn) => fc.Arbitrary<Value | Unchanged>,
): fc.Arbitrary<Row> =>
  fc
    .tuple(...of.map(each))
    .map((values) => Object.fromEntries(of.map(({ name }, at) => [name, values[at]!])));
