import type { RecordsBatch } from '@platformatic/kafka';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arrivals, header } from '../../../pipelines/topic/received.ts';

/** A batch as a broker sends it: its records at these offsets from its first; some may be compacted away. */
function batch(firstOffset: bigint, deltas: readonly number[], last: number, attributes = 0) {
  const records = deltas.map((offsetDelta) => ({
    offsetDelta,
    key: Buffer.from('k'),
    value: Buffer.from(`${firstOffset + BigInt(offsetDelta)}`),
    headers: [],
  }));
  return { firstOffset, lastOffsetDelta: last, attributes, records } as unknown as RecordsBatch;
}

const from = (next: bigint) => ({ topic: 't', partition: 3, next });
const offsets = (next: bigint, batches: readonly RecordsBatch[]) =>
  arrivals(from(next), batches).values.map(({ offset }) => offset);

test('records before the position that was asked for are left out: brokers answer with whole batches', () => {
  expect(offsets(12n, [batch(10n, [0, 1, 2, 3], 3)])).toEqual([12n, 13n]);
  expect(offsets(14n, [batch(10n, [0, 1, 2, 3], 3)])).toEqual([]);
});

test('the next fetch begins after the last batch, though its last records were compacted away', () => {
  const { next, values } = arrivals(from(10n), [batch(10n, [0, 2], 9)]);
  expect(values.map(({ offset }) => offset)).toEqual([10n, 12n]);
  expect(next).toBe(20n);
});

test('a control batch carries nothing and is passed over', () => {
  const { next, values, bytes } = arrivals(from(10n), [batch(10n, [0], 0, 0b10_0000)]);
  expect(values).toEqual([]);
  expect(bytes).toBe(0);
  expect(next).toBe(11n);
});

test('an empty answer leaves the position where it was', () => {
  expect(arrivals(from(10n), [])).toEqual({ values: [], bytes: 0, next: 10n });
});

test('bytes are those of the keys and values that are handed on', () => {
  expect(arrivals(from(11n), [batch(10n, [0, 1], 1)]).bytes).toBe(1 + 2);
});

test('however a log is cut into fetches, each record arrives once and in order', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(lengths, fc.nat(20), (sizes, start) => {
      let first = 0n;
      const batches = sizes.map((size) => {
        const made = batch(first, [...Array(size).keys()], size - 1);
        first += BigInt(size);
        return made;
      });
      const seen: bigint[] = [];
      let next = BigInt(start);
      for (const each of batches) {
        const got = arrivals(from(next), [each]);
        seen.push(...got.values.map(({ offset }) => offset));
        next = got.next;
      }
      const want = Array.from({ length: Number(first) }, (_, n) => BigInt(n));
      expect(seen).toEqual(want.filter((offset) => offset >= start));
    }),
  );
});

test('a header is found by its name; what is not there is null', () => {
  const pair = (name: string, text: string) => [Buffer.from(name), Buffer.from(text)] as const;
  const headers = [[null, null], pair('a', '1'), pair('b', '2')] as const;
  expect(header({ headers }, 'b')).toBe('2');
  expect(header({ headers }, 'c')).toBeNull();
});

test('a heartbeat is passed over by who does not ask for it, and the position with it', () => {
  const one = batch(10n, [0, 1], 1);
  const [row] = one.records;
  const beat = { ...row!, offsetDelta: 1, key: null, value: null };
  const beaten = [{ ...one, records: [row!, beat] }] as unknown as RecordsBatch[];
  expect(arrivals(from(10n), beaten)).toMatchObject({ values: [{ offset: 10n }], next: 12n });
  expect(arrivals(from(10n), beaten, 'with heartbeats').values.length).toBe(2);
});

test('a record tells when it was written: by its producer’s clock, or by the broker’s where the topic says so', () => {
  const one = batch(10n, [0, 1], 1);
  const records = one.records.map((each, at) => ({ ...each, timestampDelta: BigInt(at * 5) }));
  const dated = { ...one, records, firstTimestamp: 1_000n, maxTimestamp: 9_000n };
  const times = (attributes: number) =>
    arrivals(from(10n), [{ ...dated, attributes } as RecordsBatch]).values.map(({ at }) => at);
  expect(times(0)).toEqual([1_000, 1_005]);
  expect(times(0b1000)).toEqual([9_000, 9_000]);
});
