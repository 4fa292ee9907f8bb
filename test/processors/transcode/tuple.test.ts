import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isNull, isUnchanged, Tuple } from '../../../processors/transcode/tuple.ts';
import * as golden from '../../golden/pgoutput.ts';

const cell: fc.Arbitrary<golden.Cell> = fc.oneof(
  fc.constantFrom(null, golden.u, '', 'a', 'b', 'text', 'test'),
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.uint8Array({ maxLength: 6 }),
);
const cells = fc.array(cell, { maxLength: 40 });

/** A tuple's columns as they were sent. */
const columnsOf = (tuple: Tuple): readonly golden.Cell[] =>
  Array.from({ length: tuple.count }, (_, index) => {
    const length = tuple.lengths[index]!;
    if (length === isNull) return null;
    if (length === isUnchanged) return golden.u;
    const start = tuple.starts[index]!;
    const bytes = tuple.data.subarray(start, start + length);
    return tuple.binary[index] ? Uint8Array.from(bytes) : bytes.toString();
  });

test('a tuple that is filled again and again has the columns of the last row, and no others', () => {
  const tuple = new Tuple();
  fc.assert(
    fc.property(fc.array(cells, { minLength: 1, maxLength: 4 }), fc.nat(9), (rows, before) => {
      for (const row of rows) {
        const bytes = golden.tuple(row);
        const data = Buffer.concat([Buffer.alloc(before, 't'), bytes, Buffer.from('tttt')]);
        expect(tuple.fill(data, before, before + bytes.length)).toBe(before + bytes.length);
        expect(tuple.size).toBe(bytes.length);
        expect(columnsOf(tuple)).toEqual(row);
      }
    }),
    { numRuns: 300 },
  );
});

test('a row that reaches past its message is an error', () => {
  fc.assert(
    fc.property(fc.array(cell, { minLength: 1, maxLength: 5 }), (row) => {
      const data = golden.tuple(row);
      for (let end = 0; end < data.length; end++)
        expect(() => new Tuple().fill(data, 0, end)).toThrow('cut short');
    }),
  );
});

test('a column is the same as another if and only if it was sent in the same bytes', () => {
  fc.assert(
    fc.property(cell, cell, (a, b) => {
      const [one, other] = [new Tuple(), new Tuple()];
      const data = golden.tuple([a]);
      one.fill(data, 0, data.length);
      const more = golden.tuple([b]);
      other.fill(more, 0, more.length);
      const text = (each: golden.Cell) =>
        each === null || each === golden.u ? String(each && 'u') : Buffer.from(each as string);
      expect(one.same(0, other)).toBe(Buffer.compare(bytesOf(text(a)), bytesOf(text(b))) === 0);
    }),
    { numRuns: 300 },
  );
});

const bytesOf = (each: string | Buffer) =>
  typeof each === 'string' ? Buffer.from(`no bytes: ${each}`) : Buffer.from(each);

test('a column that is taken from another row of the message is what it was there', () => {
  fc.assert(
    fc.property(cell, cell, (from, to) => {
      const [old, now] = [golden.tuple(['a', from]), golden.tuple([to, to])];
      const data = Buffer.concat([old, now]);
      const [before, after] = [new Tuple(), new Tuple()];
      after.fill(data, before.fill(data, 0, data.length), data.length);
      after.take(1, before);
      expect(columnsOf(after)).toEqual([to, from]);
    }),
  );
});

/** A row as binary COPY has it. */
function copied(row: readonly (Uint8Array | null)[]): Buffer {
  const parts = row.map((value) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(value ? value.length : -1);
    return Buffer.concat([length, value ?? Buffer.alloc(0)]);
  });
  const count = Buffer.alloc(2);
  count.writeInt16BE(row.length);
  return Buffer.concat([count, ...parts]);
}

test('a row of a binary COPY has its columns, those that were asked for as text among them', () => {
  const column = fc.tuple(fc.option(fc.uint8Array({ maxLength: 6 })), fc.boolean());
  const tuple = new Tuple();
  fc.assert(
    fc.property(fc.array(column, { maxLength: 40 }), (row) => {
      const data = copied(row.map(([value]) => value));
      const asText = row.map(([, each]) => each);
      expect(tuple.fillFromCopy(data, 0, asText)).toBe(data.length);
      for (const [index, [value, text]] of row.entries()) {
        const start = tuple.starts[index]!;
        const length = tuple.lengths[index]!;
        expect(length).toBe(value ? value.length : isNull);
        if (!value) continue;
        expect(Uint8Array.from(tuple.data.subarray(start, start + length))).toEqual(value);
        expect(tuple.binary[index]).toBe(text ? 0 : 1);
      }
    }),
  );
});
