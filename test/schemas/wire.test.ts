import avro from 'avsc';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  avroName,
  avroOptions,
  changeSchema,
  columnName,
  governedSchema,
} from '../../schemas/avro.ts';
import type { Change, Governed, Op } from '../../schemas/change.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { unchanged } from '../../schemas/value.ts';
import * as wire from '../../schemas/wire.ts';
import * as arbitrary from './arbitrary.ts';

const type = (schema: object) => avro.Type.forSchema(schema as avro.Schema, { ...avroOptions });
const where = { table: 'public.Größe', lane: 5 };
const micros = fc.nat(2 ** 51).map((each) => each);

/** A table, and a change of it: any columns, any values. */
const world = arbitrary.columns.chain((row) => {
  const key = row.slice(0, 2);
  return fc.record({
    shape: fc.constant({ table: where.table, key, row }),
    change: fc.record({
      system: fc.constant('7301234567890123456'),
      log: arbitrary.text,
      position: arbitrary.position,
      table: fc.constant(where.table),
      op: fc.constantFrom<Op>('insert', 'update', 'delete', 'truncate'),
      lane: fc.constant(where.lane),
      transaction: fc.nat(0xffff_ffff),
      committedAt: micros,
      watermark: micros,
      key: fc.option(arbitrary.keyOf(key)),
      before: fc.option(arbitrary.rowOf(row)),
      after: fc.option(arbitrary.rowOf(row)),
    }),
    sealed: fc.option(fc.uint8Array().map((bytes) => Buffer.from(bytes))),
  });
});

test('any change comes back from its bytes as it was', () => {
  fc.assert(
    fc.property(world, ({ shape, change, sealed }) => {
      const schema = { id: 70_000, type: type(changeSchema(shape)) };
      const sent: Change = { ...change, sealed };
      const bytes = wire.encodeChange(schema, shape, sent);
      expect(wire.schemaIdOf(bytes)).toBe(70_000);
      expect(wire.decodeChange(schema.type, bytes, where)).toEqual(sent);
    }),
    { numRuns: 300 },
  );
});

test('any governed change comes back from its bytes as it was', () => {
  fc.assert(
    fc.property(world, ({ shape, change }) => {
      const schema = { id: 1, type: type(governedSchema(shape)) };
      const sent: Governed = { ...change, provenance: 'pg:1', policy: 'r1' };
      const bytes = wire.encodeGoverned(schema, shape, sent);
      expect(wire.decodeGoverned(schema.type, bytes, where)).toEqual(sent);
    }),
    { numRuns: 300 },
  );
});

test('damaged bytes are refused or read as another value, and nothing else is ever thrown', () => {
  const damage = fc.tuple(fc.nat(), fc.nat(255));
  fc.assert(
    fc.property(
      world,
      fc.array(damage, { minLength: 1, maxLength: 4 }),
      ({ shape, change }, damages) => {
        const schema = { id: 1, type: type(changeSchema(shape)) };
        const bytes = wire.encodeChange(schema, shape, { ...change, sealed: null });
        for (const [at, byte] of damages) bytes[5 + (at % (bytes.length - 5))] = byte;
        try {
          wire.decodeChange(schema.type, bytes, where);
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('bytes that are cut short or have a tail are refused, without a value in the message', () => {
  const shape = {
    table: 'public.t',
    key: [],
    row: [{ name: 'a', type: 'text', kind: 'string' }],
  } as const;
  const schema = { id: 1, type: type(changeSchema(shape)) };
  const bytes = wire.encodeChange(schema, shape, {
    ...change(),
    after: { a: 'MARKER' },
  });
  const refusedAs = (damaged: Buffer) => {
    try {
      wire.decodeChange(schema.type, damaged, where);
      return null;
    } catch (error) {
      return error instanceof Refusal ? [error.reason, error.message.includes('MARKER')] : error;
    }
  };
  for (let length = 5; length < bytes.length; length++)
    expect(refusedAs(bytes.subarray(0, length))).toEqual(['undecodable', false]);
  expect(refusedAs(Buffer.concat([bytes, Buffer.of(0)]))).toEqual(['undecodable', false]);
});

function change(): Change {
  return {
    system: '1',
    log: 'slot',
    position: { timeline: 1, lsn: 1n, seq: 0, part: 0 },
    table: 'public.t',
    op: 'update',
    lane: 0,
    transaction: 1,
    committedAt: 1,
    watermark: 1,
    key: null,
    before: null,
    after: null,
    sealed: null,
  };
}

test('a column that a row leaves out arrives as unchanged, not as null', () => {
  const shape = {
    table: 'public.t',
    key: [],
    row: [
      { name: 'a', type: 'text', kind: 'string' },
      { name: 'b', type: 'text', kind: 'string' },
    ],
  } as const;
  const schema = { id: 1, type: type(changeSchema(shape)) };
  const bytes = wire.encodeChange(schema, shape, { ...change(), after: { a: null } });
  expect(wire.decodeChange(schema.type, bytes, where).after).toEqual({ a: null, b: unchanged });
});

const misfits = [
  { kind: 'int', value: 'MARKER' },
  { kind: 'int', value: 1.5 },
  { kind: 'int', value: 1n },
  { kind: 'long', value: 'MARKER' },
  { kind: 'boolean', value: 1 },
  { kind: 'double', value: 'MARKER' },
] as const;

for (const { kind, value } of misfits)
  test(`a ${typeof value} (${value}) in a column of kind ${kind} is refused by the column's name alone`, () => {
    const shape = { table: 'public.t', key: [], row: [{ name: 'age', type: 'x', kind }] };
    const schema = { id: 1, type: type(changeSchema(shape)) };
    const encode = () => wire.encodeChange(schema, shape, { ...change(), after: { age: value } });
    expect(encode).toThrow(Refusal);
    expect(encode).toThrow(/^column age is declared as/);
    expect(encode).not.toThrow('MARKER');
  });

test('any column has an Avro name, another for each, and from it its name comes back', () => {
  fc.assert(
    fc.property(arbitrary.columnName, arbitrary.columnName, (a, b) => {
      expect(avroName(a)).toMatch(/^[A-Za-z_][A-Za-z0-9_]*$/);
      expect(columnName(avroName(a))).toBe(a);
      expect(avroName(a) === avroName(b)).toBe(a === b);
    }),
    { numRuns: 1_000 },
  );
});

const notFramed = [Buffer.alloc(0), Buffer.from([0, 0, 0, 1]), Buffer.from([1, 0, 0, 0, 1, 2])];
for (const bytes of notFramed)
  test(`bytes ${JSON.stringify([...bytes])} name no schema`, () => {
    expect(wire.schemaIdOf(bytes)).toBeNull();
  });

test('golden frame: a zero, the id in four bytes, then Avro', () => {
  const schema = {
    id: 258,
    type: type({ type: 'record', name: 'R', fields: [{ name: 'a', type: 'int' }] }),
  };
  expect(wire.frame(schema, { a: 3 }).toString('hex')).toBe('0000000102' + '06');
});
