import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Counted, TransactionTally } from '../../processors/transaction-tally.ts';
import { compare } from '../../schemas/position.ts';
import type { GovernedTransaction } from '../../schemas/governed-transaction.ts';

/** A record of transaction `lsn`, in one of a few lanes of two tables. */
const record = (lsn: number, seq: number, lane: number, slot = 'slot'): Counted => ({
  topic: lane % 2 === 0 ? 'gov.shop.public.a' : 'gov.shop.public.b',
  table: lane % 2 === 0 ? 'public.a' : 'public.b',
  partition: lane >> 1,
  head: {
    log: `7000/${slot}`,
    position: { timeline: 1, lsn: BigInt(lsn * 8), seq, part: 0 },
    transaction: 700 + lsn,
    committedAt: lsn,
    watermark: lsn,
  },
});

/** What is told of records that come in this order. */
function told(records: readonly Counted[], tally = new TransactionTally('slot')) {
  const all: GovernedTransaction[] = [];
  for (const each of records) {
    const ended = tally.endedBy(each.head);
    if (ended) all.push(ended);
    tally.add(each);
  }
  const last = tally.end();
  return last ? [...all, last] : all;
}

const records = fc
  .uniqueArray(fc.tuple(fc.nat({ max: 8 }), fc.nat({ max: 8 }), fc.nat({ max: 7 })), {
    maxLength: 60,
    selector: ([lsn, seq]) => `${lsn}/${seq}`,
  })
  .map((all) =>
    all
      .map(([lsn, seq, lane]) => record(lsn, seq, lane))
      .sort((a, b) => compare(a.head.position, b.head.position)),
  );

test('each transaction is told once, in order, with how many records of each table there are, however often they came', () => {
  fc.assert(
    fc.property(records, fc.infiniteStream(fc.nat({ max: 2 })), (all, times) => {
      const often = all.flatMap((each) =>
        Array.from({ length: times.next().value! + 1 }, () => each),
      );
      const wanted = [...Map.groupBy(all, ({ head }) => head.position.lsn)].map(([lsn, own]) => ({
        lsn,
        counts: Object.fromEntries(
          [...Map.groupBy(own, ({ table }) => table)].map(([table, { length }]) => [table, length]),
        ),
      }));
      expect(
        told(often).map(({ lsn, tables }) => ({
          lsn,
          counts: Object.fromEntries(tables.map(({ table, records: count }) => [table, count])),
        })),
      ).toEqual(wanted);
    }),
  );
});

test('whoever goes on from the marks of a lane counts no record of it again', () => {
  fc.assert(
    fc.property(records, fc.nat({ max: 60 }), (all, cut) => {
      const first = new TransactionTally('slot');
      const before = all.slice(0, cut);
      told(before, first);
      const second = new TransactionTally('slot');
      for (const { topic, partition } of all)
        second.restore(topic, partition, first.marks(topic, partition));
      expect(told(before, second)).toEqual([]);
    }),
  );
});

test('what was copied beside the stream, or came of another slot, is of no transaction', () => {
  const beside = ['slot/replaced', 'slot2', 'other/slot', 'my_slot', 'backfill'].map((log, n) =>
    record(1, n, 0, log),
  );
  expect(told(beside)).toEqual([]);
  expect(told([record(1, 0, 0), ...beside, record(1, 1, 1)])).toMatchObject([
    { system: '7000', log: 'slot', transaction: 701, tables: [{ records: 1 }, { records: 1 }] },
  ]);
});
