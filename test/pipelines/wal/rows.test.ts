import { expect, test } from 'vitest';
import { unchanged, type Row } from '../../../schemas/value.ts';
import * as golden from '../../golden/pgoutput.ts';
import { contractOf } from '../../sinks/changes.ts';
import { capturing, madeOf, type Told } from './captured.ts';

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

const shown = ({ op, key, before, after }: Told) => ({ op, key, before, after });

const rows = [
  {
    name: 'an insert carries nulls and empty texts apart',
    sent: golden.insert(1, ['1', null, '']),
    want: { op: 'insert', key: { id: 1n }, before: null, after: { id: 1n, name: null, bio: '' } },
  },
  {
    name: 'an update without an old row',
    sent: golden.update(1, null, ['1', 'a', u]),
    want: {
      op: 'update',
      key: { id: 1n },
      before: null,
      after: { id: 1n, name: 'a', bio: unchanged },
    },
  },
  {
    name: 'an update with the old key: what is unchanged beside the key stays so',
    sent: golden.update(1, ['K', ['1', null, null]], ['1', 'a', u]),
    want: {
      op: 'update',
      key: { id: 1n },
      before: { id: 1n, name: unchanged, bio: unchanged },
      after: { id: 1n, name: 'a', bio: unchanged },
    },
  },
  {
    name: 'an update with the whole old row: it tells what an unchanged column still is',
    sent: golden.update(1, ['O', ['1', 'a', 'long']], ['1', 'b', u]),
    want: {
      op: 'update',
      key: { id: 1n },
      before: { id: 1n, name: 'a', bio: 'long' },
      after: { id: 1n, name: 'b', bio: 'long' },
    },
  },
  {
    name: 'an update with the whole old row: a null there stays null',
    sent: golden.update(1, ['O', ['1', 'a', null]], ['1', null, 'new']),
    want: {
      op: 'update',
      key: { id: 1n },
      before: { id: 1n, name: 'a', bio: null },
      after: { id: 1n, name: null, bio: 'new' },
    },
  },
  {
    name: 'an update with a whole old row that has null for what is unchanged: it was sent in part',
    sent: golden.update(1, ['O', ['1', null, null]], ['1', 'b', u]),
    want: {
      op: 'update',
      key: { id: 1n },
      before: { id: 1n, name: unchanged, bio: unchanged },
      after: { id: 1n, name: 'b', bio: unchanged },
    },
  },
  {
    name: 'of a delete with the old key the nulls beside it were not sent',
    sent: golden.remove(1, ['K', ['1', null, null]]),
    want: {
      op: 'delete',
      key: { id: 1n },
      before: { id: 1n, name: unchanged, bio: unchanged },
      after: null,
    },
  },
  {
    name: 'of a delete with the whole old row nulls are values',
    sent: golden.remove(1, ['O', ['1', 'a', null]]),
    want: {
      op: 'delete',
      key: { id: 1n },
      before: { id: 1n, name: 'a', bio: null },
      after: null,
    },
  },
] as const;

for (const { name, sent, want } of rows)
  test(`a row: ${name}`, async () => {
    const { changes, letters } = await made(sent);
    expect(changes.map(shown)).toEqual([want]);
    expect(letters).toEqual([]);
  });

test('an unchanged key column is told by the old key, so it did not change', async () => {
  const long = golden.relation(
    1,
    ['public', 'users'],
    [
      { name: 'id', oid: oids.text, identity: true },
      { name: 'name', oid: oids.text },
    ],
  );
  const { changes } = await made(long, golden.update(1, ['K', ['a long key', null]], [u, 'Ada']));
  expect(changes).toMatchObject([
    {
      op: 'update',
      key: { id: 'a long key' },
      recordKey: '{"id":"a long key"}',
      after: { id: 'a long key', name: 'Ada' },
    },
  ]);
});

test('an update by another unique index does not tell whether the key has moved: it is a letter', async () => {
  const byName = golden.relation(
    1,
    ['public', 'users'],
    [
      { name: 'id', oid: oids.int8 },
      { name: 'name', oid: oids.text, identity: true },
    ],
    'i',
  );
  const { changes, letters } = await made(
    byName,
    golden.insert(1, ['7', 'Ada']),
    golden.update(1, null, ['8', 'Ada']),
    golden.update(1, ['K', [null, 'Ada']], ['8', 'Ada L.']),
    golden.update(1, ['O', ['8', 'Ada L.']], ['8', 'Ada']),
  );
  expect(changes.map(({ op, key }) => [op, key])).toEqual([
    ['insert', { id: 7n }],
    ['update', { id: 8n }],
  ]);
  expect(letters.map(({ refusal }) => refusal.reason)).toEqual(['no-key', 'no-key']);
});

test('a relation that is described anew counts from then on', async () => {
  const people = golden.relation(
    1,
    ['public', 'users'],
    [
      { name: 'name', oid: oids.text },
      { name: 'id', oid: oids.int8, identity: true },
    ],
  );
  const { changes, forms } = await made(
    golden.insert(1, ['1', 'a', 'b']),
    users,
    golden.insert(1, ['2', 'a', 'b']),
    people,
    golden.insert(1, ['c', '3']),
  );
  expect(changes.map(({ after }) => after)).toEqual([
    { id: 1n, name: 'a', bio: 'b' },
    { id: 2n, name: 'a', bio: 'b' },
    { id: 3n, name: 'c' },
  ]);
  expect(forms.length).toBe(2);
});

test('a table that is called otherwise from now on is another table', async () => {
  const other = golden.relation(1, ['public', 'people'], [{ name: 'id', oid: oids.int8 }]);
  const { changes, letters } = await made(
    golden.insert(1, ['1', null, null]),
    other,
    golden.insert(1, ['2']),
  );
  expect(changes.map(({ table }) => table)).toEqual(['public.users']);
  expect(letters).toMatchObject([
    { value: { table: 'public.people', after: { id: 2n } }, refusal: { reason: 'no-contract' } },
  ]);
});

const values = [
  { oid: oids.bool, type: 'boolean', text: 't', want: true },
  { oid: oids.bool, type: 'boolean', text: 'f', want: false },
  { oid: oids.int2, type: 'smallint', text: '-32768', want: -32_768 },
  { oid: oids.int4, type: 'integer', text: '2147483647', want: 2_147_483_647 },
  { oid: oids.int8, type: 'bigint', text: '9223372036854775807', want: 2n ** 63n - 1n },
  { oid: oids.int8, type: 'bigint', text: '-9223372036854775808', want: -(2n ** 63n) },
  { oid: oids.float4, type: 'real', text: '1.1', want: 1.1 },
  { oid: oids.float8, type: 'double precision', text: 'NaN', want: NaN },
  { oid: oids.float8, type: 'double precision', text: 'Infinity', want: Infinity },
  { oid: oids.float8, type: 'double precision', text: '-Infinity', want: -Infinity },
  { oid: oids.float8, type: 'double precision', text: '-0', want: -0 },
  { oid: oids.float8, type: 'double precision', text: '5e-324', want: 5e-324 },
  { oid: oids.numeric, type: 'numeric', text: '-1234567890123456.7890' },
  { oid: oids.numeric, type: 'numeric', text: 'NaN' },
  { oid: oids.numeric, typmod: 786_438, type: 'numeric(12,2)', text: '-1234567890.10' },
  { oid: oids.varchar, typmod: 14, type: 'character varying(10)', text: 'Zoë' },
  { oid: oids.timestamptz, type: 'timestamp with time zone', text: '2026-11-21 09:00:00.5+00' },
  { oid: oids.timestamptz, type: 'timestamp with time zone', text: 'infinity' },
  { oid: oids.text, type: 'text', text: 'Zoë 🦊 \u0001' },
  { oid: 99_999, type: 'type 99999', text: 'of a type that only the source has' },
] as const;

test.for(values)(
  'a value of $type sent as $text is exact',
  async ({ oid, type, text, ...rest }) => {
    const of = contractOf('public.t', { v: type }, { key: [] });
    const typmod = 'typmod' in rest ? rest.typmod : -1;
    const table = golden.relation(2, ['public', 't'], [{ name: 'v', oid, typmod }]);
    const { take, made: taken, registry } = await capturing({ contracts: [of] });
    await take(table, ...within(golden.insert(2, [text])));
    const [change] = taken().changes;
    expect(Object.is(change?.after?.['v'], 'want' in rest ? rest.want : text)).toBe(true);
    expect(typesIn(registry.schemas.get('cdc.shop.public.t'))).toEqual({ v: type });
  },
);

/** The types that a schema of changes names, column by column. */
function typesIn(schema: unknown): Row {
  const { fields } = schema as { fields: readonly { name: string; type: unknown }[] };
  const [, row] = fields.find(({ name }) => name === 'before')!.type as [
    string,
    { fields: readonly { name: string; pgType: string }[] },
  ];
  return Object.fromEntries(row.fields.map(({ name, pgType }) => [name, pgType]));
}

test('a type of the source alone has the name that the server told of it', async () => {
  const of = contractOf('public.t', { v: 'mood' }, { key: [] });
  const { take, registry } = await capturing({ contracts: [of] });
  await take(
    golden.type(16_400, 'mood'),
    golden.relation(2, ['public', 't'], [{ name: 'v', oid: 16_400 }]),
    ...within(golden.insert(2, ['happy'])),
  );
  expect(typesIn(registry.schemas.get('cdc.shop.public.t'))).toEqual({ v: 'mood' });
});

test('what is sent in binary becomes the same record as what is sent as text', async () => {
  const id = Buffer.alloc(8);
  id.writeBigInt64BE(-7n);
  const text = await made(golden.update(1, ['K', ['-7', null, null]], ['-7', 'Zoë', u]));
  const binary = await made(golden.update(1, ['K', [id, null, null]], [id, Buffer.from('Zoë'), u]));
  expect(text.changes.length).toBe(1);
  expect(binary.carried).toEqual(text.carried);
});

test('a change of a relation that was not described is an error that names its number', async () => {
  await expect(made(golden.insert(77, []))).rejects.toThrow('relation 77');
});

test('a message that is cut short is an error, never a row', async () => {
  const whole = golden.update(1, ['O', ['1', 'a', 'b']], ['2', 'long enough', 'b']);
  for (let length = 1; length < whole.length; length++)
    await expect(made(whole.subarray(0, length))).rejects.toThrow();
  expect((await made(whole)).changes.length).toBe(2);
});
