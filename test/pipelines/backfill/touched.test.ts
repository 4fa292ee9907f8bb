import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Seen } from '../../../pipelines/backfill/seen.ts';
import { Watch } from '../../../pipelines/backfill/touched.ts';

test('what the stream changes of a table is known to whoever reads it since before', () => {
  const watch = new Watch();
  watch.changed('a', '{"id":0}');
  const first = watch.open('a');
  watch.changed('a', '{"id":1}');
  const second = watch.open('a');
  watch.changed('a', '{"id":2}');
  watch.changed('b', '{"id":3}');
  const known = (touched: typeof first) => [0, 1, 2, 3].filter((n) => touched.has(`{"id":${n}}`));
  expect([known(first), known(second)]).toEqual([[1, 2], [2]]);
});

test('after a truncate every key is touched, and those of no other table', () => {
  const watch = new Watch();
  const [a, b] = [watch.open('a'), watch.open('b')];
  watch.truncated('a');
  expect([a.has('any'), b.has('any')]).toEqual([true, false]);
});

test('somebody wants to know as long as anybody reads', () => {
  const watch = new Watch();
  const seen = [watch.isOpen];
  const [first, second, other] = [watch.open('a'), watch.open('a'), watch.open('b')];
  for (const [table, touched] of [
    ['a', first],
    ['a', first],
    ['b', other],
    ['a', second],
  ] as const) {
    seen.push(watch.isOpen);
    watch.close(table, touched);
  }
  expect([...seen, watch.isOpen]).toEqual([false, true, true, true, true, false]);
  watch.changed('a', 'late');
  expect(second.has('late')).toBe(false);
});

/** A snapshot of 64-bit transactions as PostgreSQL prints it. */
interface Snapshot {
  readonly oldest: bigint;
  readonly next: bigint;
  readonly open: readonly bigint[];
}

const textOf = ({ oldest, next, open }: Snapshot) => `${oldest}:${next}:${open.join()}`;
const seenBy = ({ oldest, next, open }: Snapshot, xid: bigint) =>
  xid < oldest || (xid < next && !open.includes(xid));

/** Around the places where 32 bits begin anew, and where their sign does. */
const start = fc.constantFrom(100n, 2n ** 31n, 2n ** 32n, 3n * 2n ** 32n, 2n ** 33n + 2n ** 31n);
const snapshot: fc.Arbitrary<Snapshot> = fc
  .tuple(start, fc.nat(20), fc.subarray([0n, 1n, 2n, 5n, 8n, 13n]))
  .map(([from, length, open]) => {
    const next = from + BigInt(length);
    const inside = open.map((each) => from + each).filter((each) => each < next);
    return { oldest: inside[0] ?? next, next, open: inside };
  });

/** As the stream has it. No transaction is 0, 1 or 2 then: the server skips them. */
const short = (xid: bigint) => Number(xid & 0xffff_ffffn);

test('a snapshot sees what has ended before it, by the 32 bits of a transaction too', () => {
  fc.assert(
    fc.property(snapshot, fc.integer({ min: -60, max: 60 }), (given, near) => {
      const xid = given.next + BigInt(near);
      expect(new Seen(textOf(given)).sees(short(xid))).toBe(seenBy(given, xid));
    }),
    { numRuns: 1_000 },
  );
});

test('a snapshot is new enough if it sees all that was brought before it was asked for', () => {
  const brought = fc.array(fc.integer({ min: -30, max: 30 }), { maxLength: 20 });
  fc.assert(
    fc.property(snapshot, brought, brought, (given, before, after) => {
      const watch = new Watch();
      const xids = (near: readonly number[]) =>
        near.map((each) => given.next + BigInt(each)).filter((xid) => short(xid) > 2);
      for (const xid of xids(before)) watch.committed(short(xid));
      const touched = watch.open('a');
      for (const xid of xids(after)) watch.committed(short(xid));
      const want = xids(before).every((xid) => seenBy(given, xid));
      expect(watch.isSeen(new Seen(textOf(given)), touched)).toBe(want);
    }),
    { numRuns: 500 },
  );
});

test('transactions are remembered as long as a snapshot could still wait for them', () => {
  const watch = new Watch();
  const unseen = 7_000;
  watch.committed(unseen);
  const seen = new Seen('7000:7001:7000');
  for (let n = 1; n < 65_536; n++) watch.committed(5);
  expect(watch.isSeen(seen, watch.open('a'))).toBe(false);
  watch.committed(5);
  expect(watch.isSeen(seen, watch.open('a'))).toBe(true);
});
