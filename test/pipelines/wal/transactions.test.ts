import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TableContract } from '../../../contracts/contract.ts';
import { Pgoutput } from '../../../pipelines/wal/pgoutput.ts';
import { Transactions } from '../../../pipelines/wal/transactions.ts';
import type { Decoded } from '../../../schemas/change.ts';
import { unchanged } from '../../../schemas/value.ts';
import * as golden from '../../golden/pgoutput.ts';
import { contractOf } from '../../sinks/changes.ts';

const { oids, u } = golden;
const users = golden.relation(
  1,
  ['public', 'users'],
  [
    { name: 'id', oid: oids.int8, identity: true },
    { name: 'name', oid: oids.text },
  ],
);
const notes = golden.relation(2, ['public', 'notes'], [{ name: 'text', oid: oids.text }]);
const contract = contractOf('public.users', { id: 'bigint', name: 'text' });

/** Decodes whole transactions, message by message. */
function decoder({ watermark = 0, contracts = [contract] as readonly TableContract[] } = {}) {
  const transactions = new Transactions(
    {
      system: '7000',
      log: 'ig_slot',
      lanes: 3,
      timelineOf: (lsn) => (lsn < 1_000n ? 1 : 2),
      contracts: new Map(contracts.map((each) => [each.table, each])),
    },
    watermark,
  );
  const pgoutput = new Pgoutput();
  const decode = (...messages: readonly Buffer[]): Decoded[] => {
    const out: Decoded[] = [];
    for (const message of messages) transactions.take(pgoutput.read(message), out);
    return out;
  };
  decode(users, notes);
  return { decode, transactions };
}

const transaction = (lsn: bigint, at: number, ...messages: readonly Buffer[]) => [
  golden.begin(lsn, at, 753),
  ...messages,
  golden.commit(lsn, lsn + 48n, at),
];

test('a change says who, where, what and when', () => {
  const [change] = decoder().decode(...transaction(500n, 9_000, golden.insert(1, ['7', 'Ada'])));
  expect(change).toEqual({
    system: '7000',
    log: 'ig_slot',
    position: { timeline: 1, lsn: 500n, seq: 0, part: 0 },
    table: 'public.users',
    op: 'insert',
    lane: 0,
    transaction: 753,
    committedAt: 9_000,
    watermark: 9_000,
    key: { id: 7n },
    before: null,
    after: { id: 7n, name: 'Ada' },
  });
});

test('changes of a transaction are numbered from zero, and of the next from zero again', () => {
  const { decode } = decoder();
  const row = golden.insert(1, ['1', 'a']);
  const places = (lsn: bigint, ...messages: readonly Buffer[]) =>
    decode(...transaction(lsn, 1, ...messages)).map(({ position }) => [
      position.seq,
      position.part,
    ]);
  expect(
    places(10n, row, golden.update(1, null, ['1', 'b']), golden.remove(1, ['K', ['1', null]])),
  ).toEqual([
    [0, 0],
    [1, 0],
    [2, 0],
  ]);
  expect(places(20n, row)).toEqual([[0, 0]]);
});

test('what is not carried takes no number: the same changes get the same numbers with and without it', () => {
  const row = golden.insert(1, ['1', 'a']);
  const noise = [golden.type(9, 'mood'), golden.origin(1n, 'n'), users];
  const positions = (...messages: readonly Buffer[]) =>
    decoder()
      .decode(...transaction(10n, 1, ...messages))
      .map(({ position }) => position);
  expect(positions(row, ...noise, row)).toEqual(positions(row, row));
});

test('a changed key is a delete, part 0, and an insert, part 1, of one number', () => {
  const moved = golden.update(1, ['K', ['7', null]], ['8', 'Ada']);
  const changes = decoder().decode(...transaction(10n, 1, moved, golden.insert(1, ['9', 'Bob'])));
  expect(
    changes.map(({ op, key, position, before, after }) => ({
      op,
      key,
      at: [position.seq, position.part],
      before,
      after,
    })),
  ).toEqual([
    { op: 'delete', key: { id: 7n }, at: [0, 0], before: { id: 7n }, after: null },
    { op: 'insert', key: { id: 8n }, at: [0, 1], before: null, after: { id: 8n, name: 'Ada' } },
    { op: 'insert', key: { id: 9n }, at: [1, 0], before: null, after: { id: 9n, name: 'Bob' } },
  ]);
});

test('an update that leaves the key as it was is one update, with the old row whole or without', () => {
  const whole = golden.update(1, ['O', ['7', 'Ada']], ['7', 'Ada L.']);
  const bare = golden.update(1, null, ['7', 'Ada L.']);
  const changes = decoder().decode(...transaction(10n, 1, whole, bare));
  expect(changes.map(({ op, key, before }) => ({ op, key, before }))).toEqual([
    { op: 'update', key: { id: 7n }, before: { id: 7n, name: 'Ada' } },
    { op: 'update', key: { id: 7n }, before: null },
  ]);
});

test('a key that is too long to be sent again did not change', () => {
  const long = golden.relation(
    1,
    ['public', 'users'],
    [
      { name: 'id', oid: oids.text, identity: true },
      { name: 'name', oid: oids.text },
    ],
  );
  const { decode } = decoder();
  const sent = golden.update(1, ['K', ['a long key', null]], [u, 'Ada']);
  expect(decode(long, ...transaction(10n, 1, sent))).toMatchObject([
    { op: 'update', key: { id: 'a long key' }, after: { id: 'a long key', name: 'Ada' } },
  ]);
});

test('an old row by another unique index says nothing of the key, so the key has not moved', () => {
  const byName = golden.relation(
    1,
    ['public', 'users'],
    [
      { name: 'id', oid: oids.int8 },
      { name: 'name', oid: oids.text, identity: true },
    ],
  );
  const { decode } = decoder();
  const renamed = golden.update(1, ['K', [null, 'Ada']], ['7', 'Ada L.']);
  expect(decode(byName, ...transaction(10n, 1, renamed))).toMatchObject([
    { op: 'update', key: { id: 7n }, before: { name: 'Ada' }, after: { id: 7n, name: 'Ada L.' } },
  ]);
});

test('of a key-only old row only the identity is kept: the nulls beside it were not sent', () => {
  const [change] = decoder().decode(...transaction(10n, 1, golden.remove(1, ['K', ['7', null]])));
  expect(change).toMatchObject({ op: 'delete', key: { id: 7n }, after: null });
  expect(change?.before).toEqual({ id: 7n });
});

test('of a whole old row nulls are kept: they are values', () => {
  const [change] = decoder().decode(...transaction(10n, 1, golden.remove(1, ['O', ['7', null]])));
  expect(change?.before).toEqual({ id: 7n, name: null });
});

test('unchanged is carried as itself', () => {
  const [change] = decoder().decode(...transaction(10n, 1, golden.update(1, null, ['7', u])));
  expect(change?.after).toEqual({ id: 7n, name: unchanged });
});

test('every lane is told of a truncate, table by table, each with a part of its own', () => {
  const changes = decoder().decode(...transaction(10n, 1, golden.truncate([1, 2])));
  expect(
    changes.map(({ table, lane, position }) => [table, lane, position.seq, position.part]),
  ).toEqual([
    ['public.users', 0, 0, 0],
    ['public.users', 1, 0, 1],
    ['public.users', 2, 0, 2],
    ['public.notes', 0, 0, 3],
    ['public.notes', 1, 0, 4],
    ['public.notes', 2, 0, 5],
  ]);
  expect(
    changes.every(({ op, key, before, after }) => op === 'truncate' && !key && !before && !after),
  ).toBe(true);
});

test('a table without a contract or without a key has no key', () => {
  const keyless = contractOf('public.notes', { text: 'text' }, { key: [] });
  for (const contracts of [[], [keyless]]) {
    const { decode } = decoder({ contracts });
    expect(decode(...transaction(10n, 1, golden.insert(2, ['x'])))).toMatchObject([{ key: null }]);
  }
});

test('the timeline is the one that wrote the commit', () => {
  const { decode } = decoder();
  const row = golden.insert(1, ['1', 'a']);
  expect(decode(...transaction(999n, 1, row))[0]?.position.timeline).toBe(1);
  expect(decode(...transaction(1_000n, 1, row))[0]?.position.timeline).toBe(2);
});

test('the watermark is the running maximum of commit times, which are not monotone', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1_000), { minLength: 1 }), fc.nat(1_000), (times, watermark) => {
      const { decode, transactions } = decoder({ watermark });
      let most = watermark;
      for (const [index, at] of times.entries()) {
        most = Math.max(most, at);
        const messages = transaction(BigInt(index), at, golden.insert(1, ['1', 'a']));
        expect(decode(...messages)).toMatchObject([{ committedAt: at, watermark: most }]);
        expect(transactions.watermark).toBe(most);
      }
    }),
  );
});

test('a transaction is open from its begin to its commit', () => {
  const { decode, transactions } = decoder();
  decode(golden.begin(1n, 1, 1), golden.insert(1, ['1', 'a']));
  expect(transactions.open).toBe(true);
  decode(golden.commit(1n, 2n, 1));
  expect(transactions.open).toBe(false);
});

test('a change outside of a transaction is an error', () => {
  expect(() => decoder().decode(golden.insert(1, ['1', 'a']))).toThrow('outside of a transaction');
});
