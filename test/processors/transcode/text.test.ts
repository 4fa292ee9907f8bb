import avro from 'avsc';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  nullBranch,
  textKeyWriter,
  textUnionWriter,
  unchangedBranch,
} from '../../../processors/transcode/text.ts';
import { type AvroColumn, avroOptions, changeSchema, kindOf } from '../../../schemas/avro.ts';
import { exact } from '../../../schemas/exact.ts';
import { Refusal } from '../../../schemas/refusal.ts';
import { unchanged } from '../../../schemas/value.ts';
import * as arbitrary from '../../schemas/arbitrary.ts';
import { textOf, written } from './column-writers.ts';

const columnOf = (type: string): AvroColumn => ({ name: 'value', type, kind: kindOf(type) });

/** The Avro type of a column in a row or in a key, as `avsc` knows it. */
function avroType(column: AvroColumn, image: 'key' | 'before'): avro.Type {
  const schema = changeSchema({ table: 'public.t', key: [column], row: [column] });
  const { type } = schema.fields.find(({ name }) => name === image)!;
  const [, record] = type as unknown as readonly avro.Schema[];
  return avro.Type.forSchema(record!, { ...avroOptions });
}

const anyColumn = fc
  .constantFrom(...arbitrary.kinds)
  .chain((kind) => fc.tuple(arbitrary.columnOf(kind), arbitrary.valuesOf(kind)))
  .map(([column, value]) => [{ ...column, name: 'value' }, value] as const);

test('any value is written from its text in the bytes that avsc makes of it', () => {
  fc.assert(
    fc.property(anyColumn, ([column, value]) => {
      const text = Buffer.from(textOf(value));
      const record = { value: exact(column, value) };
      expect(written(textUnionWriter(column), text)).toEqual(
        avroType(column, 'before').toBuffer(record),
      );
      expect(written(textKeyWriter(column), text)).toEqual(
        avroType(column, 'key').toBuffer(record),
      );
    }),
    { numRuns: 3_000 },
  );
});

test('null and unchanged are the branches that avsc writes for them, of every kind', () => {
  for (const [type] of kinds) {
    const column = columnOf(type);
    const branch = (value: unknown) => avroType(column, 'before').toBuffer({ value });
    expect(branch(null)).toEqual(Buffer.of(nullBranch));
    expect(branch(unchanged)).toEqual(Buffer.of(unchangedBranch(column)));
  }
});

/** Texts that are no value of the type at all. */
const kinds = [
  ['integer', ['', '-', '1.5', 'MARKER', '2147483648', '-2147483649', '1 ', '12345678901234']],
  [
    'bigint',
    [
      '',
      '-',
      '1e3',
      'MARKER',
      '9223372036854775808',
      '-9223372036854775809',
      '12345678901234567890',
    ],
  ],
  ['real', ['', 'MARKER', '1e39', '.', '1.2.3']],
  ['double precision', ['', 'MARKER', '1.2.3', '--1']],
  ['boolean', ['', 'true', 'x', '1']],
  ['bytea', ['', 'MARKER', '\\x0', '\\x0g', 'x00']],
  ['uuid', ['', 'MARKER', '123e4567e89b12d3a456426614174000']],
  ['date', ['', 'MARKER', '2024-1-1', '2024-01-01 00:00:00', '24-01-01', '2024/01/01']],
  ['time', ['', 'MARKER', '10:00', '10:00:00+00', '10-00-00']],
  ['timestamp', ['', 'MARKER', '2024-01-01', '2024-01-01T00:00:00', '2024-01-01 00:00:00+00']],
  ['timestamptz', ['', 'MARKER', '2024-01-01 00:00:00', '2024-01-01 00:00:00Z']],
  ['numeric(12,2)', ['', 'MARKER', '1,50', '1e3', '.5', '-']],
] as const;

for (const [type, texts] of kinds)
  test(`what is no ${type} is refused by the column's name alone`, () => {
    for (const text of texts)
      for (const write of [textUnionWriter(columnOf(type)), textKeyWriter(columnOf(type))]) {
        const refused = () => written(write, Buffer.from(text));
        expect(refused, text).toThrow(Refusal);
        expect(refused).toThrow(/^column value is declared as /);
        expect(refused).not.toThrow('MARKER');
      }
  });

/** Values of a type that its kind does not hold, or would give back in another text. */
test.each([
  ['date', ['infinity', '-infinity']],
  ['time', ['24:00:00', '10:00:00.50']],
  ['timestamp', ['infinity', '294247-01-10 04:00:54.775808', '294276-12-31 23:59:59.999999']],
  ['timestamptz', ['-infinity', '2024-01-01 00:00:00+05:30', '2024-01-01 00:00:00.0+00']],
  ['numeric(12,2)', ['NaN', 'Infinity', '1', '1.5', '1.500', '12345678901.00', '-0.00', '01.50']],
  ['numeric(38,0)', ['100000000000000000000000000000000000000', '1.0', '-0']],
] as const)('of %s, %j travel as text in a branch of their own', (type, texts) => {
  for (const text of texts) {
    const { length } = Buffer.from(text);
    const sized = `${Buffer.of(length * 2).toString('latin1')}${text}`;
    const inRow = written(textUnionWriter(columnOf(type)), Buffer.from(text)).toString('latin1');
    expect(inRow).toBe(`\x04${sized}`);
    const inKey = written(textKeyWriter(columnOf(type)), Buffer.from(text)).toString('latin1');
    expect(inKey).toBe(`\x02${sized}`);
  }
});

test('the last and the first moment that fit are written, and a leap day', () => {
  const read = (text: string) => {
    const column = columnOf('timestamp');
    const bytes = written(textUnionWriter(column), Buffer.from(text));
    return (avroType(column, 'before').fromBuffer(bytes) as { readonly value: bigint }).value;
  };
  expect(read('294247-01-10 04:00:54.775807')).toBe(2n ** 63n - 1n);
  expect(read('4714-11-24 00:00:00 BC')).toBe(-210_866_803_200_000_000n);
  expect(read('2024-02-29 00:00:00')).toBe(1_709_164_800_000_000n);
  expect(read('1969-12-31 23:59:59.999999')).toBe(-1n);
});
