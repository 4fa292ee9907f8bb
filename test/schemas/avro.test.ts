import avro from 'avsc';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type AvroColumn,
  avroOptions,
  changeSchema,
  decimalOf,
  kindOf,
} from '../../schemas/avro.ts';
import { readRecord } from '../../schemas/avro-reader.ts';
import { exact } from '../../schemas/exact.ts';
import { unchanged, type Value } from '../../schemas/value.ts';
import * as arbitrary from './arbitrary.ts';

test.each([
  ['int8', 'long'],
  ['BIGINT', 'long'],
  ['oid', 'long'],
  ['xid8', 'string'],
  ['integer', 'int'],
  ['real', 'float'],
  ['double precision', 'double'],
  ['bool', 'boolean'],
  ['bytea', 'bytes'],
  ['uuid', 'uuid'],
  ['date', 'date'],
  ['time', 'time'],
  ['time(3) without time zone', 'time'],
  ['time with time zone', 'string'],
  ['timestamp', 'timestamp'],
  ['timestamp(3) without time zone', 'timestamp'],
  ['timestamptz', 'timestamptz'],
  ['timestamptz(3)', 'timestamptz'],
  ['timestamp with time zone', 'timestamptz'],
  ['numeric', 'string'],
  ['numeric(12,2)', 'decimal'],
  ['numeric(38)', 'decimal'],
  ['numeric(39,2)', 'string'],
  ['numeric(2,4)', 'string'],
  ['numeric(4,-2)', 'string'],
  ['bigint[]', 'string'],
  ['"Date"', 'string'],
  ['public.date', 'string'],
  ['mood', 'string'],
  ['money', 'string'],
] as const)('a column of type %s travels as %s', (type, kind) => {
  expect(kindOf(type)).toBe(kind);
});

test('a decimal has the digits of its type, and none where there are too many', () => {
  expect(decimalOf('numeric(12, 2)')).toEqual({ precision: 12, scale: 2 });
  expect(decimalOf('decimal(5)')).toEqual({ precision: 5, scale: 0 });
  expect(decimalOf('numeric(38,38)')).toEqual({ precision: 38, scale: 38 });
  for (const type of ['numeric', 'numeric(0,0)', 'numeric(39,0)', 'integer', 'numeric(5,2)[]'])
    expect(decimalOf(type), type).toBeNull();
});

/** The schema of a row of one column. */
function rowSchema(column: AvroColumn, key = false): avro.Schema {
  const columns = [column];
  const schema = changeSchema({ table: 'public.t', key: key ? columns : [], row: columns });
  const { type } = schema.fields.find(({ name }) => name === (key ? 'key' : 'before'))!;
  return (type as unknown as readonly avro.Schema[])[1]!;
}

const column = (type: string): AvroColumn => ({ name: 'value', type, kind: kindOf(type) });

describe('a client that knows only Avro reads what stands for', () => {
  test.each([
    ['integer', 7, 7],
    ['real', 1.5, 1.5],
    ['bytea', '\\x00ff', Buffer.from([0, 255])],
    ['uuid', '123e4567-e89b-12d3-a456-426614174000', '123e4567-e89b-12d3-a456-426614174000'],
    ['date', '1970-01-02', 1],
    ['date', '1969-12-31', -1],
    ['date', 'infinity', 'infinity'],
    ['time', '00:00:00.5', 500_000],
    ['time', '24:00:00', '24:00:00'],
    ['timestamp', '1970-01-01 00:00:01', 1_000_000],
    ['timestamptz', '2000-01-01 00:00:00.000001+00', 946_684_800_000_001],
    ['timestamptz', '0001-01-01 00:00:00+00 BC', '0001-01-01 00:00:00+00 BC'],
    ['timestamptz', '-infinity', '-infinity'],
    ['numeric(10,2)', '1.50', Buffer.from([0, 150])],
    ['numeric(10,2)', '-0.01', Buffer.from([255])],
    ['numeric(10,2)', '0.00', Buffer.from([0])],
    ['numeric(10,2)', 'NaN', 'NaN'],
    ['interval', '1 day', '1 day'],
  ] as const)('%s %s: %s', (type, value, raw) => {
    const writer = avro.Type.forSchema(rowSchema(column(type)), { ...avroOptions });
    const bytes = writer.toBuffer({ value: exact(column(type), value) });
    const plain = avro.Type.forSchema(rowSchema(column(type)), { wrapUnions: false });
    // The years before 1 are more microseconds than a number holds, and so is what plain `avsc` reads.
    if (typeof raw === 'string' && raw.endsWith('BC'))
      expect(() => plain.fromBuffer(bytes)).toThrow();
    else expect(plain.fromBuffer(bytes)).toMatchObject({ value: raw });
    expect(readRecord(writer, bytes, 0)).toEqual({ value });
  });
});

test('null comes first in every column of a row, so that its default is valid', () => {
  for (const type of ['date', 'text', 'numeric(3,1)']) {
    const schema = rowSchema(column(type)) as { readonly fields: readonly object[] };
    expect(schema.fields[0]).toMatchObject({ default: null, pgType: type });
    const before = avro.Type.forSchema({ type: 'record', name: 'Row', fields: [] });
    const now = avro.Type.forSchema(rowSchema(column(type)), { wrapUnions: true });
    expect(now.createResolver(before)).toBeDefined();
  }
});

test('a column that the source did not send is neither null nor a value, of every kind', () => {
  fc.assert(
    fc.property(fc.constantFrom(...arbitrary.kinds).chain(arbitrary.columnOf), (each) => {
      const type = avro.Type.forSchema(rowSchema({ ...each, name: 'value' }), { ...avroOptions });
      const bytes = type.toBuffer({ value: unchanged });
      expect(readRecord(type, bytes, 0)).toEqual({ value: unchanged });
    }),
  );
});

test('what is in a key reads as in a row, whatever kind it is', () => {
  const world = fc
    .constantFrom(...arbitrary.kinds)
    .chain((kind) => fc.tuple(arbitrary.columnOf(kind), arbitrary.valuesOf(kind)));
  fc.assert(
    fc.property(world, ([of, value]) => {
      const each = { ...of, name: 'value' };
      for (const isKey of [false, true]) {
        const type = avro.Type.forSchema(rowSchema(each, isKey), { ...avroOptions });
        const bytes = type.toBuffer({ value: exact(each, value) });
        expect(readRecord(type, bytes, 0)).toEqual({ value });
      }
    }),
    { numRuns: 500 },
  );
});

test('rows of a schema from before, all text and doubles, read as they did', () => {
  const values: Readonly<Record<string, Value>> = {
    amount: '1.50',
    at: '2024-01-01 00:00:00+00',
    ratio: 1.1,
  };
  const unchangedType = { type: 'record', name: 'Unchanged', logicalType: 'unchanged', fields: [] };
  const field = (name: string, kind: string, last: unknown) => ({
    name,
    type: ['null', kind, last],
    default: null,
  });
  const schema = {
    type: 'record',
    name: 'Row',
    fields: [
      field('amount', 'string', unchangedType),
      field('at', 'string', 'Unchanged'),
      field('ratio', 'double', 'Unchanged'),
    ],
  };
  const type = avro.Type.forSchema(schema as avro.Schema, { ...avroOptions });
  expect(readRecord(type, type.toBuffer(values), 0)).toEqual(values);
});
