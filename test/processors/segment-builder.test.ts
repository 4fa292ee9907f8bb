import { hash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  after,
  mostRecords,
  nothingProved,
  type Segment,
  SegmentBuilder,
} from '../../processors/segment-builder.ts';
import { Bytes } from '../../schemas/bytes.ts';
import { type ProvedRecord, segmentStart, writeProved } from '../../schemas/segment-bytes.ts';
import { headOf, placeAt, provedRecord } from './proved-records.ts';

const begun = nothingProved(new Map([0, 1].map((lane) => [lane, 0])));

function cut(records: readonly ProvedRecord[], everyMicros = 100, from = begun) {
  const builder = new SegmentBuilder(from, { everyMicros, headOf });
  const segments: Segment[] = [];
  for (const [n, record] of records.entries()) {
    const ended = builder.add(record, placeAt(n + 1));
    if (ended) segments.push(ended);
  }
  const last = builder.end();
  return last ? [...segments, last] : segments;
}

const recordsAt = (...watermarks: readonly number[]) =>
  watermarks.map((watermark, n) =>
    provedRecord({ partition: n % 2, offset: n >> 1, lsn: n + 1, watermark }),
  );

test("a segment ends where the log's own time enters another interval", () => {
  const segments = cut(recordsAt(1, 99, 100, 150, 130, 350));
  expect(segments.map(({ count, watermark }) => [count, watermark])).toEqual([
    [2, 99],
    [3, 150],
    [1, 350],
  ]);
});

test('a segment has at most 50,000 records', () => {
  const segments = cut(recordsAt(...Array<number>(mostRecords + 1).fill(1)));
  expect(segments.map(({ count }) => count)).toEqual([50_000, 1]);
});

test('a segment ends before it takes more memory than it may', () => {
  const large = recordsAt(1, 1, 1).map((record) => ({ ...record, key: Buffer.alloc(40_000_000) }));
  expect(cut(large).map(({ count }) => count)).toEqual([2, 1]);
});

test('the digest of a segment is that of its bytes, as sha256sum has it', () => {
  const records = recordsAt(1, 2, 3, 4, 5);
  const out = new Bytes();
  out.copy(segmentStart, 0, segmentStart.length);
  for (const record of records) writeProved(record, out);
  expect(cut(records)[0]?.sha256).toBe(hash('sha256', out.view(), 'hex'));
});

test('segments are contiguous, in offsets and in positions, and the first tells where all partitions begin', () => {
  const segments = cut(recordsAt(1, 2, 101, 102, 103, 201));
  expect(segments.map(({ number, from, to }) => [number, from, to])).toEqual([
    [0, begun.position, placeAt(2)],
    [1, placeAt(2), placeAt(5)],
    [2, placeAt(5), placeAt(6)],
  ]);
  expect(segments.map(({ offsets }) => Object.fromEntries(offsets))).toEqual([
    { 0: [0, 1], 1: [0, 1] },
    { 0: [1, 3], 1: [1, 2] },
    { 1: [2, 3] },
  ]);
  expect(cut(recordsAt(1).slice(0, 1))[0]?.offsets.get(1)).toEqual([0, 0]);
});

test('what came twice is counted, and what is of another log is none', () => {
  const twice = [
    provedRecord({ partition: 0, offset: 0, lsn: 5, watermark: 1 }),
    provedRecord({ partition: 0, offset: 1, lsn: 6, watermark: 1 }),
    provedRecord({ partition: 0, offset: 2, lsn: 5, watermark: 1 }),
    provedRecord({ partition: 0, offset: 3, lsn: 6, watermark: 1 }),
    provedRecord({ partition: 0, offset: 4, lsn: 3, log: 'a copy', watermark: 1 }),
    provedRecord({ partition: 1, offset: 0, lsn: 5, watermark: 1 }),
  ];
  expect(cut(twice)[0]).toMatchObject({ count: 6, resent: 2 });
});

test('whoever begins anew after any segment cuts the same segments', () => {
  const watermarks = fc.array(fc.nat(40), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(watermarks, fc.nat(), (steps, which) => {
      let time = 0;
      const records = recordsAt(...steps.map((step) => (time += step)));
      const whole = cut(records);
      const done = whole.slice(0, which % whole.length);
      const count = done.reduce((sum, each) => sum + each.count, 0);
      const from = done.reduce(after, begun);
      const builder = new SegmentBuilder(from, { everyMicros: 100, headOf });
      const rest: Segment[] = [];
      for (const [n, record] of records.entries()) {
        if (n < count) continue;
        const ended = builder.add(record, placeAt(n + 1));
        if (ended) rest.push(ended);
      }
      const last = builder.end();
      expect([...done, ...rest, last]).toEqual(whole);
    }),
  );
});
