import { type ConnectionPool, sql } from '@databases/pg';
import avro from 'avsc';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  binaryJsonWriter,
  binaryKeyWriter,
  binaryUnionWriter,
} from '../../processors/transcode/binary.ts';
import { textJsonWriter } from '../../processors/transcode/json.ts';
import {
  type ColumnWriter,
  textKeyWriter,
  textUnionWriter,
} from '../../processors/transcode/text.ts';
import { type AvroColumn, avroOptions, changeSchema, kindOf } from '../../schemas/avro.ts';
import { readRecord } from '../../schemas/avro-reader.ts';
import { Bytes } from '../../schemas/bytes.ts';
import { exact } from '../../schemas/exact.ts';
import { typeText } from '../../schemas/pg-type.ts';
import { decodeValues, encodeValues } from '../../schemas/secret.ts';
import { keyText, type Value } from '../../schemas/value.ts';
import { typeCases } from './type-compounds.ts';
import {
  asCaptured,
  literal,
  type SentTable,
  type SentValue,
  typeDatabase,
} from './type-stream.ts';
import { anyValues } from './type-values.ts';

let database: Awaited<ReturnType<typeof typeDatabase>>;
let sent: SentTable; // Column by column as `typeCases` has them.

beforeAll(async () => {
  database = await typeDatabase();
  const longest = Math.max(...typeCases.map(({ values }) => values.length));
  sent = await database.sent(
    typeCases.map(({ type }) => type),
    Array.from({ length: longest }, (_, row) => typeCases.map(({ values }) => values[row] ?? null)),
  );
});

afterAll(() => database?.[Symbol.asyncDispose]());

const columnOf = (type: string): AvroColumn => ({ name: 'value', type, kind: kindOf(type) });

const written = (write: ColumnWriter, bytes: Buffer): Buffer => {
  const out = new Bytes(1); // Grows within the value, wherever it can.
  write(bytes, 0, bytes.length, out);
  return Buffer.from(out.view());
};

/** A row of one column. */
function rowSchema(column: AvroColumn): avro.Schema {
  const { fields } = changeSchema({ table: 'public.t', key: [], row: [column] });
  const before = fields.find(({ name }) => name === 'before')!;
  return (before.type as unknown as readonly avro.Schema[])[1]!;
}

const rowType = (column: AvroColumn) => avro.Type.forSchema(rowSchema(column), { ...avroOptions });

/** What a value reads as once it went through Avro: first as text, then in binary, to the same bytes. */
function throughAvro(type: string, { text, binary }: SentValue): Value {
  const column = columnOf(type);
  const bytes = written(textUnionWriter(column), text!);
  const fromBinary = binaryUnionWriter(column, type);
  if (fromBinary) expect(written(fromBinary, binary!)).toEqual(bytes);
  const row = readRecord(rowType(column), bytes, 0) as { readonly value: Value };
  return row.value;
}

/** Holds what came of values against the values themselves, by the server's own output. */
async function expectSame(
  db: ConnectionPool,
  type: string,
  pairs: readonly (readonly [original: string, came: Value])[],
): Promise<void> {
  const shown = (text: string) => sql`format('%s', ${literal(text, type)})`;
  const rows = pairs.map(([original, came]) => sql`(${shown(original)}, ${shown(`${came}`)})`);
  const different = await asCaptured(db, (tx) =>
    tx.query(
      sql`SELECT * FROM (VALUES ${sql.join(rows, ', ')}) AS v(original, came) WHERE original <> came`,
    ),
  );
  expect(different, type).toEqual([]);
}

test('a type is named as format_type names it, and a domain as the type that it is made of', async () => {
  const declared = typeCases.map(({ type }) => type);
  const bases: Readonly<Record<string, string>> = {
    positive: 'integer',
    amount: 'numeric',
    many: 'integer[]',
    shouted: 'text',
  };
  expect(sent.types).toEqual(declared.map((type) => bases[type] ?? type.replace('(38)', '(38,0)')));
});

test('every built-in type is named as format_type names it, with every modifier that it can have', async () => {
  const modifiers = [
    -1,
    0,
    1,
    3,
    6,
    4,
    9,
    104,
    786438,
    2490378,
    655366,
    2621444 + 1020,
    ...intervalModifiers,
  ];
  const rows = (await database.db.query(sql`
    SELECT t.oid::int, m::int, format_type(t.oid, m::int) AS printed
    FROM pg_type t, unnest(${modifiers}::int[]) m
    WHERE t.oid < 10000 AND t.typtype IN ('b', 'r', 'm')
      AND (t.typarray <> 0 OR EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid AND e.typtype <> 'p' AND e.typrelid = 0))
      AND (m = -1 OR t.typname ~ '^_?(numeric|varchar|bit|varbit|timetz|timestamp|timestamptz|interval)$' AND m > 0
        AND (t.typname !~ 'numeric|varchar' OR m > 4) AND (t.typname !~ 'time' OR m <= 6)
        AND (t.typname !~ 'interval' OR m > 100000 AND m = ANY (${intervalModifiers}::int[])))`)) as readonly {
    readonly oid: number;
    readonly m: number;
    readonly printed: string;
  }[];
  expect(rows.length).toBeGreaterThan(200);
  expect(rows.map(({ oid, m }) => typeText(oid, m, new Map()))).toEqual(
    rows.map(({ printed }) => printed),
  );
});

const intervalModifiers = [
  0x7fff, 0x4, 0x2, 0x6, 0x8, 0x408, 0xc08, 0x1c08, 0x400, 0xc00, 0x1c00, 0x800, 0x1800, 0x1000,
].flatMap((fields) => [0xffff, 3].map((precision) => (fields << 16) | precision));

for (const [index, { type, values, binary }] of typeCases.entries())
  test(`${type}: ${values.length} values come through Avro as they were, in text${binary ? ' and in binary' : ''}`, async () => {
    const read = sent.types[index]!;
    expect(binaryUnionWriter(columnOf(read), read) !== null).toBe(binary);
    const pairs = values.map(
      (value, row) => [value, valueText(throughAvro(read, sent.rows[row]![index]!))] as const,
    );
    await expectSame(database.db, type, pairs);
  });

const valueText = (value: Value): string => `${Object.is(value, -0) ? '-0' : value}`;

for (const [index, { type, values }] of typeCases.entries())
  test(`${type}: keys, secrets and what encodes from values are the same bytes`, () => {
    const read = sent.types[index]!;
    const column = columnOf(read);
    for (const row of values.keys()) {
      const { text, binary } = sent.rows[row]![index]!;
      const value = throughAvro(read, { text, binary });
      const slow = rowType(column).toBuffer({ value: exact(column, value) });
      expect(written(textUnionWriter(column), text!)).toEqual(slow);

      const key = written(textJsonWriter(column, 'key'), text!).toString();
      expect(`{"value":${key}}`).toBe(keyText({ value }));
      const secret = written(textJsonWriter(column, 'secret'), text!).toString();
      expect(`{"value":${secret}}`).toBe(encodeValues({ value }));
      expect(decodeValues(secret)).toEqual(value);

      const keyBytes = written(textKeyWriter(column), text!);
      if (!binaryUnionWriter(column, read)) continue;
      expect(written(binaryJsonWriter(column, read, 'key')!, binary!).toString()).toBe(key);
      expect(written(binaryJsonWriter(column, read, 'secret')!, binary!).toString()).toBe(secret);
      expect(written(binaryKeyWriter(column, read)!, binary!)).toEqual(keyBytes);
    }
  });

test('an enum is read in binary where it is known to be one', async () => {
  const { types, rows } = await database.sent(['mood'], [['sad'], ['so "happy"']]);
  const column = columnOf(types[0]!);
  for (const [{ text, binary } = { text: null, binary: null }] of rows)
    expect(written(binaryUnionWriter(column, types[0]!, true)!, binary!)).toEqual(
      written(textUnionWriter(column), text!),
    );
});

for (const { type, value } of anyValues)
  test(`${type}: whatever the value, it comes through Avro as it was, in text and in binary`, async () => {
    const many = fc.array(value, { minLength: 150, maxLength: 150 });
    await fc.assert(
      fc.asyncProperty(many, async (values) => {
        const { types, rows } = await database.sent(
          [type],
          values.map((each) => [each]),
        );
        const pairs = values.map(
          (each, row) => [each, valueText(throughAvro(types[0]!, rows[row]![0]!))] as const,
        );
        await expectSame(database.db, type, pairs);
      }),
      { numRuns: 3, endOnFailure: true },
    );
  });
