import { expect, test } from 'vitest';
import * as golden from '../../golden/pgoutput.ts';
import { contractOf } from '../../sinks/changes.ts';
import { capturing, type Setting } from './captured.ts';

const { oids } = golden;
const users = golden.relation(
  1,
  ['public', 'users'],
  [{ name: 'id', oid: oids.int8, identity: true }],
);
const contracts = [contractOf('public.users', { id: 'bigint' })];
const row = (id: number) => golden.insert(1, [`${id}`]);

async function open(setting: Setting = {}) {
  const opened = await capturing({ contracts, ...setting });
  await opened.take(users);
  const decode = async (...messages: readonly Buffer[]) => {
    await opened.take(...messages);
    return opened.made().changes.map(({ position: { lsn, seq }, key }) => [lsn, seq, key?.['id']]);
  };
  return { ...opened, decode };
}

const placed = (xid: number, lsn: bigint) => ({ xid, lsn, end: lsn + 10n, at: Number(lsn) });
const preparing = (xid: number, lsn: bigint, ...messages: readonly Buffer[]) => [
  golden.beginPrepare(placed(xid, lsn)),
  ...messages,
  golden.prepare(placed(xid, lsn)),
];
const streamPreparing = (xid: number, lsn: bigint, ...messages: readonly Buffer[]) => [
  golden.streamStart(xid, true),
  ...messages.map((message) => golden.streamed(xid, message)),
  golden.streamStop(),
  golden.streamPrepare(placed(xid, lsn)),
];
const committing = (xid: number, lsn: bigint) => golden.commitPrepared(placed(xid, lsn));
const whole = (lsn: bigint, ...messages: readonly Buffer[]) => [
  golden.begin(lsn, 1, 9),
  ...messages,
  golden.commit(lsn, lsn + 10n, 1),
];

const ways = [
  ['a prepared transaction', preparing],
  ['a streamed and prepared transaction', streamPreparing],
] as const;

for (const [name, prepare] of ways) {
  test(`${name} comes at its commit, and stands there`, async () => {
    const { decode } = await open();
    expect(await decode(...prepare(7, 100n, row(1), row(2)))).toEqual([]);
    expect(await decode(...whole(200n, row(3)))).toEqual([[200n, 0, 3n]]);
    expect(await decode(committing(7, 300n))).toEqual([
      [300n, 0, 1n],
      [300n, 1, 2n],
    ]);
  });

  test(`${name} holds back from its PREPARE on, until it is decided and that is settled`, async () => {
    const { decode, transactions } = await open();
    expect(transactions.oldestPrepared(0n)).toBeNull();
    await decode(...prepare(7, 100n, row(1)), ...whole(200n, row(3)));
    expect(transactions.oldestPrepared(210n)).toBe(100n);
    await decode(committing(7, 300n));
    expect(transactions.at).toBe(310n);
    expect(transactions.oldestPrepared(309n)).toBe(100n);
    expect(transactions.oldestPrepared(310n)).toBeNull();
  });

  test(`${name} that is rolled back is forgotten, and holds back nothing`, async () => {
    const { decode, transactions } = await open();
    await decode(...prepare(7, 100n, row(1)));
    expect(await decode(golden.rollbackPrepared(placed(7, 100n), 150n))).toEqual([]);
    expect(transactions.oldestPrepared(0n)).toBeNull();
    expect(transactions.at).toBe(150n);
    await expect(decode(committing(7, 300n))).rejects.toThrow('that it never sent');
  });
}

test('between its first messages and its decision it holds back while its commit is still read', async () => {
  const { take, transactions } = await open();
  await take(...preparing(7, 100n, row(1)));
  const message = committing(7, 300n);
  await transactions.take(message, 0, message.length);
  expect(transactions.hasReplay).toBe(true);
  expect(transactions.at).toBe(0n);
  expect(transactions.oldestPrepared(250n)).toBe(100n);
});

test('of several the oldest holds back', async () => {
  const { decode, transactions } = await open();
  await decode(...preparing(7, 100n), ...preparing(8, 50n), ...streamPreparing(9, 70n, row(1)));
  expect(transactions.oldestPrepared(0n)).toBe(50n);
  await decode(committing(8, 300n));
  expect(transactions.oldestPrepared(310n)).toBe(70n);
  await decode(golden.rollbackPrepared(placed(9, 70n), 320n));
  expect(transactions.oldestPrepared(320n)).toBe(100n);
});

test('a stream that is not prepared holds back nothing: the server sends it whole again', async () => {
  const { take, transactions } = await open();
  await take(golden.streamStart(7, true), golden.streamed(7, row(1)), golden.streamStop());
  expect(transactions.oldestPrepared(0n)).toBeNull();
  transactions.caughtUp(500n);
  expect(transactions.at).toBe(500n);
});

test('a keepalive in the middle of a block, or of what is being prepared, moves nothing on', async () => {
  const { take, transactions } = await open();
  await take(golden.streamStart(7, true));
  transactions.caughtUp(500n);
  expect(transactions.at).toBe(0n);
  await take(golden.streamStop(), golden.beginPrepare(placed(8, 100n)));
  transactions.caughtUp(500n);
  expect(transactions.at).toBe(0n);
  await take(golden.prepare(placed(8, 100n)));
  transactions.caughtUp(500n);
  expect(transactions.at).toBe(500n);
});

test('the undoing of a transaction that was never sent is nothing', async () => {
  const { decode, transactions } = await open();
  await decode(golden.streamAbort(7, 7), golden.streamAbort(7, 8));
  await decode(golden.rollbackPrepared(placed(8, 100n), 150n));
  expect(transactions.at).toBe(150n);
});
