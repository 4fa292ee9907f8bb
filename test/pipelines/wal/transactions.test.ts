import fc from 'fast-check';
import { expect, test } from 'vitest';
import { changeId } from '../../../schemas/position.ts';
import { keyText } from '../../../schemas/value.ts';
import { murmur2 } from '../../../processors/lane.ts';
import * as golden from '../../golden/pgoutput.ts';
import { contractOf } from '../../sinks/changes.ts';
import { capturing, madeOf, type Setting } from './captured.ts';

const { oids } = golden;
const users = golden.relation(
  1,
  ['public', 'users'],
  [
    { name: 'id', oid: oids.int8, identity: true },
    { name: 'name', oid: oids.text },
  ],
);
const notes = golden.relation(2, ['public', 'notes'], [{ name: 'text', oid: oids.text }]);
const contracts = [
  contractOf('public.users', { id: 'bigint', name: 'text' }),
  contractOf('public.notes', { text: 'text' }, { key: [] }),
];

async function open(setting: Setting = {}) {
  const opened = await capturing({ contracts, ...setting });
  await opened.take(users, notes);
  const decode = async (...messages: readonly Buffer[]) => {
    await opened.take(...messages);
    return opened.made();
  };
  return { ...opened, decode };
}

const made = (...messages: readonly Buffer[]) => madeOf({ contracts }, users, notes, ...messages);

const transaction = (lsn: bigint, at: number, ...messages: readonly Buffer[]) => [
  golden.begin(lsn, at, 753),
  ...messages,
  golden.commit(lsn, lsn + 48n, at),
];

const row = golden.insert(1, ['1', 'a']);

test('a change says who, where, what and when', async () => {
  const { changes } = await made(...transaction(500n, 9_000, golden.insert(1, ['7', 'Ada'])));
  expect(changes).toEqual([
    {
      system: '7000',
      log: 'ig_slot',
      position: { timeline: 1, lsn: 500n, seq: 0, part: 0 },
      table: 'public.users',
      op: 'insert',
      lane: (murmur2(Buffer.from('{"id":7}')) & 0x7fff_ffff) % 3,
      transaction: 753,
      committedAt: 9_000,
      watermark: 9_000,
      key: { id: 7n },
      before: null,
      after: { id: 7n, name: 'Ada' },
      sealed: null,
      recordKey: '{"id":7}',
    },
  ]);
});

test('changes of a transaction are numbered from zero, and of the next from zero again', async () => {
  const { decode } = await open();
  const places = async (lsn: bigint, ...messages: readonly Buffer[]) =>
    (await decode(...transaction(lsn, 1, ...messages))).changes.map(({ position }) => [
      position.seq,
      position.part,
    ]);
  const update = golden.update(1, null, ['1', 'b']);
  expect(await places(10n, row, update, golden.remove(1, ['K', ['1', null]]))).toEqual([
    [0, 0],
    [1, 0],
    [2, 0],
  ]);
  expect(await places(20n, row)).toEqual([[0, 0]]);
});

test('what is not carried takes no number: the same changes get the same numbers with and without it', async () => {
  const noise = [golden.type(9, 'mood'), golden.origin(1n, 'n'), users];
  const positions = async (...messages: readonly Buffer[]) =>
    (await made(...transaction(10n, 1, ...messages))).changes.map(({ position }) => position);
  expect(await positions(row, ...noise, row)).toEqual(await positions(row, row));
});

test('what is refused takes a number all the same: what comes after keeps its own', async () => {
  const foreign = golden.relation(3, ['public', 'foreign'], [{ name: 'id', oid: oids.int8 }]);
  const refused = golden.insert(3, ['1']);
  const { changes, letters } = await made(foreign, ...transaction(10n, 1, row, refused, row));
  expect(changes.map(({ position }) => position.seq)).toEqual([0, 2]);
  expect(letters).toMatchObject([{ value: { position: { lsn: 10n, seq: 1, part: 0 } } }]);
});

test('a message of its transaction takes a number, whether anyone wants it or not', async () => {
  const outbox = { ...contractOf('app.events', { id: 'bigint' }), outbox: true as const };
  const said = golden.message(5n, 'app.events', '{"id":1}', 'transactional');
  const seqs = async (setting: Setting) => {
    const { changes } = await madeOf(setting, users, ...transaction(10n, 1, row, said, row));
    return changes.map(({ table, position }) => [table, position.seq]);
  };
  expect(await seqs({ contracts })).toEqual([
    ['public.users', 0],
    ['public.users', 2],
  ]);
  expect(await seqs({ contracts: [...contracts, outbox] })).toEqual([
    ['public.users', 0],
    ['app.events', 1],
    ['public.users', 2],
  ]);
});

test('a message of no transaction stands by itself, before its LSN: where it ends, a commit may begin', async () => {
  const outbox = { ...contractOf('app.events', { id: 'bigint' }), outbox: true as const };
  const { decode, transactions } = await open({ contracts: [outbox], watermark: 77 });
  const { changes, transactions: logged } = await decode(
    golden.message(5n, 'app.events', '{"id":1}'),
  );
  expect(changes).toMatchObject([
    {
      position: { timeline: 1, lsn: 4n, seq: 0, part: 0 },
      transaction: 0,
      committedAt: 77,
      watermark: 77,
      after: { id: 1n },
    },
  ]);
  expect(logged).toEqual([]);
  expect(transactions.at).toBe(5n);
});

test('a changed key is a delete, part 0, and an insert, part 1, of one number', async () => {
  const moved = golden.update(1, ['K', ['7', null]], ['8', 'Ada']);
  const { changes } = await made(...transaction(10n, 1, moved, golden.insert(1, ['9', 'Bob'])));
  expect(
    changes.map(({ op, key, recordKey, position: { seq, part }, after }) => ({
      op,
      key,
      recordKey,
      at: [seq, part],
      after,
    })),
  ).toEqual([
    { op: 'delete', key: { id: 7n }, recordKey: '{"id":7}', at: [0, 0], after: null },
    {
      op: 'insert',
      key: { id: 8n },
      recordKey: '{"id":8}',
      at: [0, 1],
      after: { id: 8n, name: 'Ada' },
    },
    {
      op: 'insert',
      key: { id: 9n },
      recordKey: '{"id":9}',
      at: [1, 0],
      after: { id: 9n, name: 'Bob' },
    },
  ]);
  expect(changes[1]?.before).toBeNull();
});

test('an update that leaves the key as it was is one update, with the old row whole or without', async () => {
  const whole = golden.update(1, ['O', ['7', 'Ada']], ['7', 'Ada L.']);
  const bare = golden.update(1, null, ['7', 'Ada L.']);
  const { changes } = await made(...transaction(10n, 1, whole, bare));
  expect(changes.map(({ op, key, before }) => ({ op, key, before }))).toEqual([
    { op: 'update', key: { id: 7n }, before: { id: 7n, name: 'Ada' } },
    { op: 'update', key: { id: 7n }, before: null },
  ]);
});

test('every lane is told of a truncate, table by table, each with a part of its own', async () => {
  const { changes } = await made(...transaction(10n, 1, golden.truncate([1, 2]), row));
  expect(
    changes.map(({ table, lane, position: { seq, part } }) => [table, lane, seq, part]),
  ).toMatchObject([
    ['public.users', 0, 0, 0],
    ['public.users', 1, 0, 1],
    ['public.users', 2, 0, 2],
    ['public.notes', 0, 0, 3],
    ['public.notes', 1, 0, 4],
    ['public.notes', 2, 0, 5],
    ['public.users', expect.any(Number), 1, 0],
  ]);
  for (const { op, key, recordKey, before, after, sealed } of changes.slice(0, 6))
    expect([op, key, recordKey, before, after, sealed]).toEqual([
      'truncate',
      null,
      null,
      null,
      null,
      null,
    ]);
});

test('a truncate of a table without a contract is one letter, and the parts of others stay', async () => {
  const setting = { contracts: contracts.slice(1) };
  const messages = [users, notes, ...transaction(10n, 1, golden.truncate([1, 2]))];
  const { changes, letters } = await madeOf(setting, ...messages);
  expect(letters).toMatchObject([
    { value: { op: 'truncate', table: 'public.users', position: { seq: 0, part: 0 } } },
  ]);
  expect(changes.map(({ table, position }) => [table, position.part])).toEqual([
    ['public.notes', 3],
    ['public.notes', 4],
    ['public.notes', 5],
  ]);
});

test('a row of a table without a key has no key, and a lane by its place', async () => {
  const note = golden.insert(2, ['x']);
  const many = Array.from({ length: 60 }, () => note);
  const { changes } = await made(...transaction(10n, 1, ...many));
  expect(changes.length).toBe(60);
  expect(changes.every(({ key, recordKey }) => key === null && recordKey === null)).toBe(true);
  expect(new Set(changes.map(({ lane }) => lane))).toEqual(new Set([0, 1, 2]));
  expect((await made(...transaction(10n, 1, ...many))).changes).toEqual(changes);
});

test('the lane of a row is its key’s, as Kafka’s own clients would choose it', async () => {
  const rows = Array.from({ length: 30 }, (_, id) => golden.insert(1, [`${id}`, null]));
  const { changes } = await made(...transaction(10n, 1, ...rows));
  for (const { key, recordKey, lane } of changes) {
    expect(recordKey).toBe(keyText(key!));
    expect(lane).toBe((murmur2(Buffer.from(recordKey!)) & 0x7fff_ffff) % 3);
  }
});

test('every change has an identity of its own', async () => {
  const moved = golden.update(1, ['K', ['7', null]], ['8', 'Ada']);
  const messages = [row, moved, golden.truncate([1, 2]), row];
  const { changes } = await made(
    ...transaction(10n, 1, ...messages),
    ...transaction(20n, 1, ...messages),
  );
  const ids = changes.map(({ system, log, position }) => changeId(system, log, position));
  expect(new Set(ids).size).toBe(2 * (1 + 2 + 6 + 1));
});

test('the timeline is the one that wrote the commit', async () => {
  const { decode } = await open();
  const timelineAt = async (lsn: bigint) =>
    (await decode(...transaction(lsn, 1, row))).changes[0]?.position.timeline;
  expect(await timelineAt(999_999n)).toBe(1);
  expect(await timelineAt(1_000_000n)).toBe(2);
});

test('the watermark is the running maximum of commit times, which are not monotone', async () => {
  const times = fc.array(fc.nat(1_000), { minLength: 1 });
  await fc.assert(
    fc.asyncProperty(times, fc.nat(1_000), async (all, watermark) => {
      const { decode, transactions } = await open({ watermark });
      let most = watermark;
      for (const [index, at] of all.entries()) {
        most = Math.max(most, at);
        const { changes } = await decode(...transaction(BigInt(index), at, row));
        expect(changes).toMatchObject([{ committedAt: at, watermark: most }]);
        expect(transactions.watermark).toBe(most);
      }
    }),
  );
});

test('half a transaction moves nothing on, whatever a keepalive says; its commit does, and the next keepalive', async () => {
  const { take, transactions } = await open({ at: 5n });
  transactions.caughtUp(7n);
  expect(transactions.at).toBe(7n);
  await take(golden.begin(10n, 1, 1), row);
  transactions.caughtUp(99n);
  expect(transactions.at).toBe(7n);
  await take(golden.commit(10n, 58n, 1));
  expect(transactions.at).toBe(58n);
  transactions.caughtUp(50n);
  expect(transactions.at).toBe(58n);
  transactions.caughtUp(99n);
  expect(transactions.at).toBe(99n);
});

const outside = [
  ['a change', row],
  ['a truncate', golden.truncate([1])],
  ['a message of a transaction', golden.message(1n, 'p', 'c', 'transactional')],
] as const;

test.for(outside)('%s outside of a transaction is an error', async ([, message]) => {
  await expect(made(message)).rejects.toThrow(/outside of (a|its) transaction/);
});
