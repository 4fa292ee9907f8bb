import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Bytes } from '../../schemas/bytes.ts';
import {
  countProved,
  type ProvedRecord,
  readProved,
  segmentStart,
  writeProved,
} from '../../schemas/segment-bytes.ts';

const bytes = fc.option(fc.uint8Array({ maxLength: 20 }).map((each) => Buffer.from(each)));
const record: fc.Arbitrary<ProvedRecord> = fc.record({
  partition: fc.nat(1_000),
  offset: fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }),
  key: bytes,
  value: bytes,
  headers: fc.array(fc.tuple(bytes, bytes), { maxLength: 3 }),
});

const bytesOf = (records: readonly ProvedRecord[]): Buffer => {
  const out = new Bytes();
  out.copy(segmentStart, 0, segmentStart.length);
  for (const each of records) writeProved(each, out);
  return Buffer.from(out.view());
};

test('golden bytes of a record', () => {
  const written = bytesOf([
    {
      partition: 3,
      offset: 2n ** 32n + 5n,
      key: Buffer.from('k'),
      value: null,
      headers: [[Buffer.from('op'), Buffer.alloc(0)]],
    },
  ]);
  expect(written.subarray(segmentStart.length).toString('hex')).toBe(
    '00000023' + // 35 bytes follow.
      '00000003' +
      '0000000100000005' +
      '000000026b' +
      '00000000' + // A null.
      '00000001' +
      '000000036f70' +
      '00000001', // What is empty.
  );
  expect(written.subarray(0, segmentStart.length).toString()).toBe('conductor/segment/v1\n');
});

test('any records are read back as they were, and counted', () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 6 }), (records) => {
      const written = bytesOf(records);
      expect(readProved(written)).toEqual(records);
      expect(countProved(written)).toBe(records.length);
    }),
  );
});

test('no two lists of records have the same bytes', () => {
  fc.assert(
    fc.property(
      fc.array(record, { maxLength: 4 }),
      fc.array(record, { maxLength: 4 }),
      (some, others) => {
        expect(bytesOf(some).equals(bytesOf(others))).toBe(isSame(some, others));
      },
    ),
  );
});

const isSame = (some: unknown, others: unknown): boolean =>
  JSON.stringify(some, text) === JSON.stringify(others, text);
const text = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);

test('what is cut off is not counted, and read as far as it goes', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 3 }), fc.nat(), (records, cut) => {
      const written = bytesOf(records);
      const short = written.subarray(0, segmentStart.length + (cut % (written.length - 21)));
      const read = readProved(short);
      expect(read.length).toBeLessThan(records.length);
      expect(read).toEqual(records.slice(0, read.length));
      expect(countProved(short) ?? -1).toBeLessThan(records.length);
    }),
  );
});
