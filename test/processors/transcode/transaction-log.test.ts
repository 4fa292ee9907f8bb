import fc from 'fast-check';
import { expect, test } from 'vitest';
import { murmur2 } from '../../../processors/lane.ts';
import * as golden from '../../golden/pgoutput.ts';
import { capturing, type Setting } from '../../pipelines/wal/captured.ts';
import { contractOf } from '../../sinks/changes.ts';
import { MemoryKeyring } from '../memory-keyring.ts';
import { column, users as people } from '../tables.ts';

const { oids } = golden;
const users = golden.relation(
  1,
  ['public', 'users'],
  [
    { name: 'id', oid: oids.text, identity: true },
    { name: 'tenant_id', oid: oids.text },
    { name: 'email', oid: oids.text },
  ],
);
const notes = golden.relation(2, ['public', 'notes'], [{ name: 'text', oid: oids.text }]);
const foreign = golden.relation(3, ['public', 'foreign'], [{ name: 'id', oid: oids.text }]);
const contracts = [people, contractOf('public.notes', { text: 'text' }, { key: [] })];

const user = (id: string | null) => golden.insert(1, [id, '1', 'a@b.c']);
const note = golden.insert(2, ['x']);

async function open(setting: Setting = {}) {
  const opened = await capturing({ contracts, lanes: 12, ...setting });
  await opened.take(users, notes, foreign);
  const logged = async (xid: number, ...messages: readonly Buffer[]) => {
    await opened.take(golden.begin(10n, 5, xid), ...messages, golden.commit(10n, 15n, 5));
    return opened.made().transactions.map((each) => ({ ...each, ...opened.read(each) }));
  };
  return { ...opened, logged };
}

const counted = (table: string, changes: number, letters = 0) => ({ table, changes, letters });

test('a transaction leaves one record at its commit, with its changes and letters by table', async () => {
  const { logged } = await open({ watermark: 9 });
  const messages = [user('1'), note, note, golden.insert(3, ['1']), user(null)];
  const [record, ...rest] = await logged(753, golden.origin(1n, 'standby'), ...messages);
  expect(rest).toEqual([]);
  expect(record).toMatchObject({
    topic: 'cdc.shop.transactions',
    key: '753',
    lane: (murmur2(Buffer.from('753')) & 0x7fff_ffff) % 12,
    system: '7000',
    log: 'ig_slot',
    timeline: 1,
    lsn: 10n,
    transaction: 753n,
    committedAt: 5n,
    watermark: 9n,
    origin: 'standby',
    tables: [
      counted('public.users', 1, 1),
      counted('public.notes', 2),
      counted('public.foreign', 0, 1),
    ],
  });
});

test('a transaction that changed nothing of ours leaves none', async () => {
  const { logged } = await open();
  const unwanted = golden.message(1n, 'of nobody', '{}', 'transactional');
  expect(await logged(1, golden.origin(1n, 'standby'), unwanted)).toEqual([]);
});

test('nothing of a transaction is left for the next: neither its counts nor its origin', async () => {
  const { logged } = await open();
  await logged(1, golden.origin(1n, 'standby'), user('1'));
  const [record] = await logged(2, note);
  expect(record).toMatchObject({ origin: null, tables: [counted('public.notes', 1)] });
});

test('there is no record before the commit', async () => {
  const { take, made } = await open();
  await take(golden.begin(10n, 5, 1), user('1'));
  expect(made().transactions).toEqual([]);
});

test('a changed key is one change, and a truncate is one of each table', async () => {
  const { logged } = await open();
  const moved = golden.update(1, ['K', ['1', null, null]], ['2', '1', 'a@b.c']);
  const [record] = await logged(1, moved, golden.truncate([1, 2]));
  expect(record).toMatchObject({
    tables: [counted('public.users', 2), counted('public.notes', 1)],
  });
});

test('what is withheld is not counted: nobody is to wait for it', async () => {
  const keyring = new MemoryKeyring();
  const { logged, told } = await open({ keyring });
  keyring.destroy({ tenant: '1', domain: 'public.users.id', subject: '1' });
  const [record] = await logged(1, user('1'), user('2'));
  expect(record).toMatchObject({ tables: [counted('public.users', 1)] });
  expect(await logged(2, user('1'))).toEqual([]);
  expect(told.erased).toBe(2);
});

test('of a key that moves to an erased subject the delete counts', async () => {
  const keyring = new MemoryKeyring();
  const { logged } = await open({ keyring });
  keyring.destroy({ tenant: '1', domain: 'public.users.id', subject: '2' });
  const moved = golden.update(1, ['K', ['1', null, null]], ['2', '1', 'a@b.c']);
  expect(await logged(1, moved)).toMatchObject([{ tables: [counted('public.users', 1)] }]);
});

test('of a key that moves, of which one half is refused, the change counts and the letter, too', async () => {
  const tokenised = {
    ...people,
    columns: [column('id', 'confidential', 'tokenise'), ...people.columns.slice(1)],
  };
  const { logged } = await open({ contracts: [tokenised] });
  const [old, now] = [
    ['1', null, null],
    ['2', '1', 'a@b.c'],
  ];
  const left = golden.update(1, ['K', old], now); // The old row does not tell its tenant.
  const came = golden.update(1, ['O', ['1', '1', null]], ['2', null, null]);
  for (const moved of [left, came])
    expect(await logged(1, moved)).toMatchObject([{ tables: [counted('public.users', 1, 1)] }]);
});

test('with what a record tells a reader knows when it has all of a transaction', async () => {
  const message = fc.oneof(
    fc.constantFrom('1', '2', null).map(user),
    fc.constant(note),
    fc.constant(golden.insert(3, ['1'])),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 20 }), async (messages) => {
      const { take, made, read } = await open();
      await take(golden.begin(10n, 5, 1), ...messages, golden.commit(10n, 15n, 5));
      const { changes, letters, transactions } = made();
      const tables = transactions.flatMap((each) => read(each)['tables'] as object[]);
      const names = new Set([...changes, ...letters.map(({ value }) => value)].map((c) => c.table));
      expect(new Set(tables)).toEqual(
        new Set(
          [...names].map((table) =>
            counted(
              table,
              changes.filter((change) => change.table === table).length,
              letters.filter(({ value }) => value.table === table).length,
            ),
          ),
        ),
      );
    }),
    { numRuns: 50 },
  );
});
