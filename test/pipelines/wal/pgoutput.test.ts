import { expect, test } from 'vitest';
import { Pgoutput } from '../../../pipelines/wal/pgoutput.ts';
import { unchanged } from '../../../schemas/value.ts';
import * as golden from '../../golden/pgoutput.ts';

const { oids, u } = golden;
const users = golden.relation(
  16_385,
  ['public', 'users'],
  [
    { name: 'id', oid: oids.int8, identity: true },
    { name: 'name', oid: oids.text },
    { name: 'bio', oid: oids.text },
  ],
);
const relation = {
  table: 'public.users',
  columns: [
    { name: 'id', type: 20, identity: true },
    { name: 'name', type: 25, identity: false },
    { name: 'bio', type: 25, identity: false },
  ],
};

function reader(...learnt: readonly Buffer[]): Pgoutput {
  const pgoutput = new Pgoutput();
  for (const message of learnt) expect(pgoutput.read(message)).toEqual({ kind: 'other' });
  return pgoutput;
}

test('golden bytes: a server’s own begin, relation and insert, as it sent them', () => {
  const pgoutput = new Pgoutput();
  const read = (hex: string) => pgoutput.read(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
  expect(read('42 0000000001a2b3c8 0002dcaa1f9fd0e0 000002f1')).toEqual({
    kind: 'begin',
    lsn: 0x1a2b3c8n,
    committedAt: 946_684_800_000_000 + 0x2dcaa1f9fd0e0,
    xid: 753,
  });
  expect(
    read(
      '52 00004001 7075626c696300 7400 64 0002' +
        '01 696400 00000014 ffffffff' +
        '00 6e6f746500 00000019 ffffffff',
    ),
  ).toEqual({ kind: 'other' });
  expect(read('49 00004001 4e 0002 74 00000001 37 74 00000003 c3a921')).toMatchObject({
    kind: 'insert',
    relation: { table: 'public.t' },
    after: [7n, 'é!'],
  });
  expect(read('43 00 0000000001a2b3c8 0000000001a2b3f8 0002dcaa1f9fd0e0')).toEqual({
    kind: 'commit',
    end: 0x1a2b3f8n,
  });
});

const cases = [
  {
    name: 'a begin carries the commit’s LSN, time and xid, the greatest of each included',
    bytes: golden.begin(0x7fff_ffff_ffff_ffffn, 1_795_237_200_123_456, 0xffff_ffff),
    want: {
      kind: 'begin',
      lsn: 0x7fff_ffff_ffff_ffffn,
      committedAt: 1_795_237_200_123_456,
      xid: 0xffff_ffff,
    },
  },
  {
    name: 'a commit tells where it ends, not where it begins',
    bytes: golden.commit(100n, 148n, 0),
    want: { kind: 'commit', end: 148n },
  },
  {
    name: 'an insert carries nulls and empty texts apart',
    bytes: golden.insert(16_385, ['1', null, '']),
    want: { kind: 'insert', relation, after: [1n, null, ''] },
  },
  {
    name: 'an update without an old row',
    bytes: golden.update(16_385, null, ['1', 'a', u]),
    want: { kind: 'update', relation, before: null, after: [1n, 'a', unchanged] },
  },
  {
    name: 'an update with the old key: what is unchanged beside the key stays so',
    bytes: golden.update(16_385, ['K', ['1', null, null]], ['2', 'a', u]),
    want: {
      kind: 'update',
      relation,
      before: { whole: false, values: [1n, null, null] },
      after: [2n, 'a', unchanged],
    },
  },
  {
    name: 'an update with the whole old row: it tells what an unchanged column still is',
    bytes: golden.update(16_385, ['O', ['1', 'a', 'long']], ['1', 'b', u]),
    want: {
      kind: 'update',
      relation,
      before: { whole: true, values: [1n, 'a', 'long'] },
      after: [1n, 'b', 'long'],
    },
  },
  {
    name: 'an update with the whole old row: a null there stays null',
    bytes: golden.update(16_385, ['O', ['1', 'a', null]], ['1', null, 'new']),
    want: {
      kind: 'update',
      relation,
      before: { whole: true, values: [1n, 'a', null] },
      after: [1n, null, 'new'],
    },
  },
  {
    name: 'a delete with the old key',
    bytes: golden.remove(16_385, ['K', ['1', null, null]]),
    want: { kind: 'delete', relation, before: { whole: false, values: [1n, null, null] } },
  },
  {
    name: 'a delete with the whole old row',
    bytes: golden.remove(16_385, ['O', ['1', 'a', null]]),
    want: { kind: 'delete', relation, before: { whole: true, values: [1n, 'a', null] } },
  },
  { name: 'a type is nothing to carry', bytes: golden.type(3, 'mood'), want: { kind: 'other' } },
  { name: 'an origin is nothing to carry', bytes: golden.origin(1n, 'n'), want: { kind: 'other' } },
  {
    name: 'a logical message is nothing to carry',
    bytes: golden.message(1n, 'p', 'c'),
    want: { kind: 'other' },
  },
] as const;

for (const { name, bytes, want } of cases)
  test(`pgoutput: ${name}`, () => {
    expect(reader(users).read(bytes)).toEqual(want);
  });

test('an unchanged key column is told by the old key', () => {
  const long = golden.relation(
    1,
    ['public', 't'],
    [
      { name: 'id', oid: oids.text, identity: true },
      { name: 'n', oid: oids.int4 },
    ],
  );
  const read = reader(long).read(golden.update(1, ['K', ['a long key', null]], [u, '2']));
  expect(read).toMatchObject({ after: ['a long key', 2] });
});

test('a truncate names every table, whatever its options', () => {
  const orders = golden.relation(2, ['sales', 'orders'], []);
  const pgoutput = reader(users, orders);
  for (const options of [0, 1, 3]) {
    const read = pgoutput.read(golden.truncate([16_385, 2], options));
    expect(read.kind === 'truncate' && read.relations.map(({ table }) => table)).toEqual([
      'public.users',
      'sales.orders',
    ]);
  }
});

test('a relation that is described anew counts from then on', () => {
  const pgoutput = reader(users);
  pgoutput.read(golden.relation(16_385, ['public', 'people'], [{ name: 'id', oid: oids.int4 }]));
  expect(pgoutput.read(golden.insert(16_385, ['7']))).toMatchObject({
    relation: { table: 'public.people' },
    after: [7],
  });
});

test('the schema that is left empty is pg_catalog', () => {
  const pgoutput = reader(golden.relation(9, ['', 'pg_class'], []));
  expect(pgoutput.read(golden.truncate([9]))).toMatchObject({
    relations: [{ table: 'pg_catalog.pg_class' }],
  });
});

const values = [
  { oid: oids.bool, text: 't', want: true },
  { oid: oids.bool, text: 'f', want: false },
  { oid: oids.int2, text: '-32768', want: -32_768 },
  { oid: oids.int4, text: '2147483647', want: 2_147_483_647 },
  { oid: oids.int8, text: '9223372036854775807', want: 9_223_372_036_854_775_807n },
  { oid: oids.int8, text: '-9223372036854775808', want: -9_223_372_036_854_775_808n },
  { oid: oids.float4, text: '1.1', want: 1.1 },
  { oid: oids.float8, text: 'NaN', want: NaN },
  { oid: oids.float8, text: 'Infinity', want: Infinity },
  { oid: oids.float8, text: '-Infinity', want: -Infinity },
  { oid: oids.float8, text: '-0', want: -0 },
  { oid: oids.float8, text: '5e-324', want: 5e-324 },
  { oid: oids.numeric, text: '-1234567890123456.7890', want: '-1234567890123456.7890' },
  { oid: oids.numeric, text: 'NaN', want: 'NaN' },
  { oid: oids.text, text: 'Zoë 🦊 \u0001', want: 'Zoë 🦊 \u0001' },
  {
    oid: 99_999,
    text: 'of a type that only the source has',
    want: 'of a type that only the source has',
  },
] as const;

for (const { oid, text, want } of values)
  test(`a value of type ${oid} sent as ${JSON.stringify(text)} is exact`, () => {
    const pgoutput = reader(golden.relation(1, ['public', 't'], [{ name: 'v', oid }]));
    const read = pgoutput.read(golden.insert(1, [text]));
    expect(read.kind === 'insert' && Object.is(read.after[0], want)).toBe(true);
  });

test('a message that protocol 1 does not have is an error that names it', () => {
  expect(() => new Pgoutput().read(Buffer.from('S\0\0\0\0'))).toThrow('pgoutput message "S"');
});

test('a change of a relation that was not described is an error that names its number', () => {
  expect(() => new Pgoutput().read(golden.insert(77, []))).toThrow('relation 77');
});

test('a column in binary form is an error that names the table and no value', () => {
  const bytes = golden.insert(16_385, ['1', 'secret', null]);
  bytes[bytes.indexOf('t'.charCodeAt(0))] = 'b'.charCodeAt(0);
  expect(() => reader(users).read(bytes)).toThrow(/^table public\.users: .*not asked for$/);
});

test('a message that is cut short is an error, never a row', () => {
  const whole = golden.update(16_385, ['O', ['1', 'a', 'b']], ['2', 'long enough', 'b']);
  for (let length = 1; length < whole.length; length++)
    expect(() => reader(users).read(whole.subarray(0, length))).toThrow();
});
