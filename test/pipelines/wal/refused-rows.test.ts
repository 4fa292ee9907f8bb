import { expect, test } from 'vitest';
import { unchanged } from '../../../schemas/value.ts';
import * as golden from '../../golden/pgoutput.ts';
import { marker } from '../../processors/tables.ts';
import { contractOf } from '../../sinks/changes.ts';
import { capturing, madeOf } from './captured.ts';

const { oids, u } = golden;
const users = golden.relation(
  1,
  ['public', 'users'],
  [
    { name: 'id', oid: oids.int8, identity: true },
    { name: 'name', oid: oids.text },
    { name: 'bio', oid: oids.text },
  ],
);
const contract = contractOf('public.users', { id: 'bigint', name: 'text', bio: 'text' });
const within = (...messages: readonly Buffer[]) => [
  golden.begin(10n, 1, 753),
  ...messages,
  golden.commit(10n, 58n, 1),
];
const made = (...messages: readonly Buffer[]) =>
  madeOf({ contracts: [contract] }, users, ...within(...messages));

test('a delete by another unique index does not tell the key, and is refused', async () => {
  const byName = golden.relation(
    1,
    ['public', 'users'],
    [
      { name: 'id', oid: oids.int8 },
      { name: 'name', oid: oids.text, identity: true },
    ],
    'i',
  );
  const { changes, letters } = await made(byName, golden.remove(1, ['K', [null, 'Ada']]));
  expect(changes).toEqual([]);
  expect(letters).toMatchObject([
    { value: { op: 'delete', key: null, before: { name: 'Ada' } }, refusal: { reason: 'no-key' } },
  ]);
});

test('a value that is too large for its topic is refused, by its table and its size alone', async () => {
  const setting = { contracts: [contract], limitBytes: 1_000 };
  const long = 'x'.repeat(1_000);
  const { changes, letters } = await madeOf(
    setting,
    users,
    ...within(golden.insert(1, ['1', long, null]), golden.insert(1, ['2', 'short', null])),
  );
  expect(changes.map(({ key, position }) => [key, position.seq])).toEqual([[{ id: 2n }, 1]]);
  expect(letters).toMatchObject([
    { value: { after: { name: long }, position: { seq: 0 } }, refusal: { reason: 'too-large' } },
  ]);
  expect(letters[0]?.refusal.message).not.toContain('xxx');
});

test('a column in a form that pgoutput does not have is an error that tells no value', async () => {
  const bytes = golden.insert(1, ['1', 'secret', null]);
  bytes[bytes.indexOf('t')] = 'x'.charCodeAt(0);
  await expect(made(bytes)).rejects.toThrow(/^the server sent a column in a form that pgoutput/);
});

test('a refused change is a letter with all that was sent of it, value by value', async () => {
  const sent = [
    golden.insert(1, ['7', 'Ada', null]),
    golden.update(1, ['K', ['7', null, null]], ['7', 'Ada L.', u]),
    golden.remove(1, ['O', ['7', '', 'x']]),
  ];
  const { letters } = await madeOf({}, users, ...within(...sent));
  expect(letters.map(({ value }) => value)).toMatchObject([
    { op: 'insert', key: null, before: null, after: { id: 7n, name: 'Ada', bio: null } },
    { op: 'update', before: { id: 7n }, after: { id: 7n, name: 'Ada L.', bio: unchanged } },
    { op: 'delete', before: { id: 7n, name: '', bio: 'x' }, after: null },
  ]);
  expect(letters[1]?.value.before).toEqual({ id: 7n });
  expect(letters.map(({ value }) => value.position.seq)).toEqual([0, 1, 2]);
});

test('a refused change counts as many bytes as were sent of it, however much came with it', async () => {
  const { take, transactions, output } = await capturing();
  await take(users, golden.begin(10n, 1, 753));
  const message = golden.insert(1, ['7', 'Ada', null]);
  const gulp = Buffer.concat([message, Buffer.alloc(100_000)]);
  await transactions.take(gulp, 0, message.length);
  expect(output.bytes).toBeGreaterThan(0);
  expect(output.bytes).toBeLessThanOrEqual(message.length);
});

test('a type of which only the text is known is an error where it is sent in binary, by its name alone', async () => {
  const relation = golden.relation(
    1,
    ['public', 'users'],
    [
      { name: 'id', oid: oids.int8, identity: true },
      { name: 'name', oid: 99_999 },
    ],
  );
  const sent = made(relation, golden.insert(1, ['7', Buffer.from(marker)]));
  await expect(sent).rejects.toThrow(/^column name: type type 99999 is read as text only$/);
});
