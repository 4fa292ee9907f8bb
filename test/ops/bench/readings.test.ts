import { expect, test } from 'vitest';
import { rowOf } from '../../../ops/bench/arrivals.ts';
import { endsIn, listOffsetsRequest } from '../../../ops/bench/end-offsets.ts';
import { rateOf } from '../../../ops/bench/growth.ts';
import { insertsOf } from '../../../ops/bench/orders.ts';
import { latenciesIn } from '../../../ops/bench/pgbench.ts';

/** A ListOffsets response, version 1, about the topic `t`. */
function answer(
  correlation: number,
  partitions: readonly { readonly error: number; readonly end: bigint }[],
): Buffer {
  const head = Buffer.alloc(4 + 4 + 4 + 3 + 4);
  head.writeInt32BE(head.length - 4 + partitions.length * 22);
  head.writeInt32BE(correlation, 4);
  head.writeInt32BE(1, 8);
  head.writeInt16BE(1, 12);
  head.write('t', 14);
  head.writeInt32BE(partitions.length, 15);
  const rows = partitions.map(({ error, end }, n) => {
    const row = Buffer.alloc(22);
    row.writeInt32BE(n);
    row.writeInt16BE(error, 4);
    row.writeBigInt64BE(-1n, 6);
    row.writeBigInt64BE(end, 14);
    return row;
  });
  return Buffer.concat([head, ...rows]);
}

test('asks for the end of every partition', () => {
  const request = listOffsetsRequest(9, { topic: 'cdc', partitions: 2 });
  expect(request.readInt32BE(0)).toBe(request.length - 4);
  expect(request.readInt32BE(8)).toBe(9);
  expect(request.subarray(24, 27).toString()).toBe('cdc');
  expect(request.subarray(-24).toString('hex')).toBe(
    '00000000ffffffffffffffff00000001ffffffffffffffff',
  );
});

test('adds up where partitions end, and counts one that is not there yet as empty', () => {
  const ends = [
    { error: 0, end: 5n },
    { error: 3, end: -1n },
    { error: 0, end: 7n },
  ];
  expect(endsIn(answer(1, ends), 1)).toBe(12);
});

test('refuses an answer to another question, and any other error', () => {
  expect(() => endsIn(answer(2, []), 1)).toThrow('another question');
  expect(() => endsIn(answer(1, [{ error: 29, end: -1n }]), 1)).toThrow('error 29');
});

test('a rate leaves out what was there at the first sight', () => {
  expect(rateOf({ firstMs: 1_000, firstRows: 100, lastMs: 3_000, rows: 1_100 })).toBe(500);
});

test('rows that all came at once have no rate', () => {
  expect(() => rateOf({ firstMs: 1, firstRows: 9, lastMs: 1, rows: 9 })).toThrow('--rows');
});

test.each([
  [1_500_000, 1_000_000],
  [3, 2],
  [1, 1],
])('of %d changes, %d are inserts', (rows, inserts) => expect(insertsOf(rows)).toBe(inserts));

test.each([
  ['{"id":42}', 42],
  ['{"id":"42"}', 42],
  ['{"other":42}', 0],
])('the record with the key %s is of row %d', (key, row) =>
  expect(rowOf(Buffer.from(key))).toBe(row),
);

test('reads latencies from a log of pgbench, in milliseconds', () => {
  expect(latenciesIn('0 1 1500 0 1700000000 1 20\n1 1 250 0 1700000000 2 0\n')).toEqual([
    1.5, 0.25,
  ]);
});
