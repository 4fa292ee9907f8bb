import { expect, test } from 'vitest';
import { Seen } from '../../../pipelines/backfill/seen.ts';
import * as golden from '../../golden/pgoutput.ts';
import { MemoryKeyring } from '../../processors/memory-keyring.ts';
import { users as people } from '../../processors/tables.ts';
import { capturing } from './captured.ts';

const { oids } = golden;
const users = golden.relation(
  1,
  ['public', 'users'],
  ['id', 'tenant_id', 'email'].map((name) => ({ name, oid: oids.text, identity: name === 'id' })),
);
const notes = golden.relation(
  2,
  ['public', 'notes'],
  ['tenant_id', 'email'].map((name) => ({ name, oid: oids.text })),
);
const contracts = [people, { ...people, table: 'public.notes', key: [], subject: null }];

async function open() {
  const keyring = new MemoryKeyring();
  const opened = await capturing({ contracts, keyring });
  await opened.take(users, notes);
  const touched = opened.watch.open('public.users');
  const within = async (xid: number, ...messages: readonly Buffer[]) =>
    opened.take(golden.begin(10n, 5, xid), ...messages, golden.commit(10n, 15n, 5));
  const known = () => ['1', '2', '3'].filter((id) => touched.has(JSON.stringify({ id })));
  return { ...opened, keyring, touched, within, known };
}

const user = (id: string) => golden.insert(1, [id, '1', 'a@b.c']);

test('who copies a table knows the keys that the stream changes meanwhile, a moved one by both its keys', async () => {
  const { within, known } = await open();
  await within(1, user('1'));
  expect(known()).toEqual(['1']);
  await within(2, golden.update(1, ['K', ['2', null, null]], ['3', '1', 'a@b.c']));
  expect(known()).toEqual(['1', '2', '3']);
});

test('a change of an erased subject counts as one: its copy is not to bring it back', async () => {
  const { within, known, keyring, told } = await open();
  keyring.destroy({ tenant: '1', domain: 'public.users.id', subject: '1' });
  await within(1, user('1'));
  expect([told.erased, known()]).toEqual([1, ['1']]);
});

test('a truncate touches all, and what is undone touches nothing', async () => {
  const { within, take, known, touched } = await open();
  const undone = golden.streamed(7, user('1'));
  await take(golden.streamStart(7, true), undone, golden.streamStop(), golden.streamAbort(7, 7));
  expect(known()).toEqual([]);
  await within(1, golden.truncate([1]));
  expect(touched.has('anything')).toBe(true);
});

test('a table without a key has no keys that could be touched', async () => {
  const { within, watch, keyring, told } = await open();
  const touched = watch.open('public.notes');
  keyring.destroy({ tenant: '9', domain: 'tenant_id', subject: null });
  await within(1, golden.insert(2, ['1', 'a@b.c']), golden.insert(2, ['9', 'a@b.c']));
  expect([told.erased, touched.isEmpty]).toEqual([1, true]);
  await within(2, golden.truncate([2]));
  expect(touched.has('')).toBe(true);
});

test('a transaction is brought at its commit, in whatever form it is sent', async () => {
  const { within, take, watch } = await open();
  const sees = (xid: number) => watch.isSeen(new Seen(`${xid}:99:${xid}`), watch.open('any'));
  await within(41, user('1'));
  expect([sees(41), sees(42)]).toEqual([false, true]);
  await take(golden.streamStart(42, true), golden.streamed(42, user('2')), golden.streamStop());
  expect(sees(42)).toBe(true);
  await take(golden.streamCommit(42, 20n, 25n, 5));
  expect(sees(42)).toBe(false);
});
