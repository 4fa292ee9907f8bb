import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Captured, Output } from '../../../processors/transcode/output.ts';
import { SlabPool } from '../../../processors/transcode/slab-pool.ts';
import { Bytes } from '../../../schemas/bytes.ts';
import type { Records } from '../../../schemas/records.ts';
import { Refusal } from '../../../schemas/refusal.ts';
import { carriedIn, isRecords } from '../../pipelines/wal/carried.ts';
import { recordsOf } from '../../sinks/records-of.ts';
import { decoded } from '../tables.ts';

function bytesOf(content: Buffer): Bytes {
  const bytes = new Bytes(16);
  bytes.copy(content, 0, content.length);
  return bytes;
}

interface Given {
  readonly lane: number;
  readonly key: Buffer | null;
  readonly value: Buffer;
}

/** Sizes at which the length of a length changes are among them. */
const size = fc.oneof(fc.nat(200), fc.constantFrom(0, 1, 55, 63, 64, 8_180, 8_191, 8_192));
const filled = (length: number, n: number) => Buffer.alloc(length, `${n} and so on`);
const given = (sizes: fc.Arbitrary<number>): fc.Arbitrary<Given> =>
  fc
    .record({ lane: fc.nat(2), key: fc.option(fc.nat(80)), length: sizes, n: fc.nat(9_999) })
    .map(({ lane, key, length, n }) => ({
      lane,
      key: key === null ? null : filled(key, n),
      value: filled(length, n),
    }));

const recordsIn = (values: readonly Captured[]) => values.filter(isRecords);

/** What each lane has, in its order. */
const lanesOf = (all: readonly Records[]) =>
  Map.groupBy(all.flatMap(carriedIn), ({ lane }) => lane);

function append(output: Output, all: readonly Given[]): void {
  const lanes = output.lanes('t', 3);
  for (const { lane, key, value } of all)
    output.append(lanes[lane]!, key && bytesOf(key), bytesOf(value));
}

const wanted = (all: readonly Given[]) =>
  Map.groupBy(
    all.map(({ lane, key, value }) => ({
      topic: 't',
      lane,
      key: key && key.toString(),
      value,
    })),
    ({ lane }) => lane,
  );

test('each lane has its records in the order in which they were added, time and again', () => {
  const rounds = fc.array(fc.array(given(size), { maxLength: 60 }), { maxLength: 4 });
  fc.assert(
    fc.property(rounds, (all) => {
      const pool = new SlabPool();
      const output = new Output(pool);
      for (const round of all) {
        append(output, round);
        const { values, bytes } = output.take();
        const records = recordsIn(values);
        expect(records.reduce((sum, each) => sum + each.bytes.length, 0)).toBe(bytes);
        expect(new Set(records.map(({ partition }) => partition)).size).toBe(records.length);
        expect(lanesOf(records)).toEqual(wanted(round));
        for (const each of records) pool.recycle(each);
      }
    }),
    { numRuns: 100 },
  );
});

test('records are byte for byte those of a client that is not ours', () => {
  fc.assert(
    fc.property(fc.array(given(size), { minLength: 1, maxLength: 40 }), (all) => {
      const output = new Output(new SlabPool());
      const first = all.map((each) => ({ ...each, lane: 0 }));
      append(output, first);
      const [ours] = recordsIn(output.take().values);
      expect(ours?.bytes.equals(recordsOf('t', 0, first).bytes)).toBe(true);
    }),
    { numRuns: 100 },
  );
});

test('so are many small ones in one lane', () => {
  const output = new Output(new SlabPool());
  const all = Array.from({ length: 9_000 }, (_, n) => ({
    lane: 0,
    key: null,
    value: Buffer.from(`${n}`),
  }));
  append(output, all);
  const [ours] = recordsIn(output.take().values);
  expect(ours?.bytes.equals(recordsOf('t', 0, all).bytes)).toBe(true);
});

test('what a broker takes as one stays below its limit, but for a record that is larger by itself', () => {
  const sizes = fc.oneof(fc.nat(300_000), fc.constantFrom(524_288, 700_000));
  fc.assert(
    fc.property(fc.array(given(sizes), { maxLength: 12 }), (all) => {
      const output = new Output(new SlabPool());
      append(output, all);
      const records = recordsIn(output.take().values);
      for (const { count, bytes } of records)
        expect(count === 1 || bytes.length < 512 * 1024 + 1_024).toBe(true);
      const short = ({ key, value }: { key: string | null; value: Buffer }) =>
        `${key} ${value.length} ${value.toString('latin1', 0, 20)}`;
      for (const [lane, want] of wanted(all))
        expect(lanesOf(records).get(lane)?.map(short)).toEqual(want.map(short));
    }),
    { numRuns: 30 },
  );
});

test('what is sent as one is not more than its topic takes, keys and all', () => {
  const output = new Output(new SlabPool(), (topic) => (topic === 't' ? 48_000 : 1e9));
  const all = Array.from({ length: 300 }, (_, n) => ({
    lane: n % 2,
    key: Buffer.alloc(n, 'k'),
    value: Buffer.alloc(1_000, n),
  }));
  append(output, all);
  const records = recordsIn(output.take().values);
  expect(records.length).toBeGreaterThan(6);
  for (const { bytes } of records) expect(bytes.length).toBeLessThan(48_000 + 32);
  expect(records.reduce((sum, { count }) => sum + count, 0)).toBe(all.length);
});

test('what was taken is not changed by what is added later', () => {
  const output = new Output(new SlabPool());
  append(output, [{ lane: 0, key: null, value: Buffer.from('first') }]);
  const [taken] = recordsIn(output.take().values);
  const before = Buffer.from(taken!.bytes);
  append(output, [{ lane: 0, key: null, value: Buffer.from('other') }]);
  expect(taken?.bytes.equals(before)).toBe(true);
});

test('what is refused is handed on beside the records, and counts as what is waiting', () => {
  const output = new Output(new SlabPool());
  const refused = {
    value: { ...decoded('insert', {}), owners: [], payload: Buffer.from('{}') },
    refusal: new Refusal('no-key', 'table public.users'),
  };
  expect(output.isEmpty).toBe(true);
  output.refuse(refused, 30);
  expect([output.isEmpty, output.bytes]).toEqual([false, 30]);
  append(output, [{ lane: 1, key: null, value: Buffer.from('x') }]);
  const { values, bytes } = output.take();
  expect(values.filter((value) => !isRecords(value))).toEqual([refused]);
  expect(values.length).toBe(2);
  expect(bytes).toBeGreaterThan(30);
  expect([output.isEmpty, output.bytes, output.take().values]).toEqual([true, 0, []]);
});

test('a pool gives out no buffer twice, keeps no more than it may, and none that is far too small', () => {
  const pool = new SlabPool();
  const records = (bytes: Buffer): Records => ({ topic: 't', partition: 0, count: 1, bytes });
  const small = pool.take(0);
  pool.recycle(records(small.subarray(0, 7)));
  expect(pool.take(100_000).buffer).not.toBe(small.buffer);
  expect(pool.take(0).buffer).toBe(small.buffer);
  expect(pool.take(0).buffer).not.toBe(small.buffer);
  const large = Array.from({ length: 30 }, () => pool.take(1024 * 1024));
  for (const each of large) pool.recycle(records(each));
  const again = large.map(() => pool.take(1024 * 1024));
  const known = new Set(large.map(({ buffer }) => buffer));
  expect(again.filter(({ buffer }) => known.has(buffer)).length).toBe(24);
});
