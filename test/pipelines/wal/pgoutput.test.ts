import { expect, test } from 'vitest';
import { type Message, readMessage } from '../../../pipelines/wal/pgoutput.ts';
import * as golden from '../../golden/pgoutput.ts';

const { oids } = golden;
const read = (message: Buffer) => readMessage(message, 0, false);
const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');

test('golden bytes: a server’s own begin, relation and commit, as it sent them', () => {
  expect(read(bytes('42 0000000001a2b3c8 0002dcaa1f9fd0e0 000002f1'))).toEqual({
    kind: 'begin',
    lsn: 0x1a2b3c8n,
    committedAt: 946_684_800_000_000 + 0x2dcaa1f9fd0e0,
    xid: 753,
  });
  const relation =
    '52 00004001 7075626c696300 7400 64 0002' +
    '01 696400 00000014 ffffffff' +
    '00 6e6f746500 00000413 0000000e';
  expect(read(bytes(relation))).toEqual({
    kind: 'relation',
    relation: {
      oid: 16_385,
      schema: 'public',
      name: 't',
      identity: 'd',
      columns: [
        { name: 'id', oid: 20, typmod: -1, identity: true },
        { name: 'note', oid: 1043, typmod: 14, identity: false },
      ],
    },
  });
  expect(read(bytes('43 00 0000000001a2b3c8 0000000001a2b3f8 0002dcaa1f9fd0e0'))).toEqual({
    kind: 'commit',
    end: 0x1a2b3f8n,
  });
});

const most = 0x7fff_ffff_ffff_ffffn;
const prepared = { xid: 0xffff_ffff, lsn: 100n, end: 148n, at: 5 };
const committed = { xid: 753, lsn: 200n, end: 248n, committedAt: 1_795_237_200_123_456 };

const cases: readonly (readonly [name: string, bytes: Buffer, want: Message])[] = [
  [
    'a begin carries the commit’s LSN, time and xid, the greatest of each included',
    golden.begin(most, 1_795_237_200_123_456, 0xffff_ffff),
    { kind: 'begin', lsn: most, committedAt: 1_795_237_200_123_456, xid: 0xffff_ffff },
  ],
  ['a time before 2000 is one, too', golden.begin(1n, 7, 1), { ...begun(1n, 1), committedAt: 7 }],
  [
    'a commit tells where it ends, not where it begins',
    golden.commit(100n, 148n, 0),
    { kind: 'commit', end: 148n },
  ],
  [
    'a type tells its number, its schema and its name',
    golden.type(16_400, 'mood', 'app'),
    { kind: 'type', oid: 16_400, schema: 'app', name: 'mood' },
  ],
  [
    'a schema that is left empty is pg_catalog, of a type',
    golden.type(16, 'bool', ''),
    { kind: 'type', oid: 16, schema: 'pg_catalog', name: 'bool' },
  ],
  [
    'a schema that is left empty is pg_catalog, of a table',
    golden.relation(9, ['', 'pg_class'], [], 'n'),
    {
      kind: 'relation',
      relation: { oid: 9, schema: 'pg_catalog', name: 'pg_class', identity: 'n', columns: [] },
    },
  ],
  ['an origin tells its name', golden.origin(1n, 'Zürich'), { kind: 'origin', name: 'Zürich' }],
  [
    'a message tells its prefix and content, and whether it is of its transaction',
    golden.message(9n, 'app.events', '{"é":1}', 'transactional'),
    {
      kind: 'message',
      transactional: true,
      lsn: 9n,
      prefix: 'app.events',
      content: Buffer.from('{"é":1}'),
    },
  ],
  [
    'a message that is told at once is of no transaction',
    golden.message(9n, '', ''),
    { kind: 'message', transactional: false, lsn: 9n, prefix: '', content: Buffer.alloc(0) },
  ],
  [
    'a block begins with its transaction',
    golden.streamStart(0xffff_fffe, true),
    { kind: 'stream-start', xid: 0xffff_fffe },
  ],
  ['a block ends', golden.streamStop(), { kind: 'stream-stop' }],
  [
    'a streamed transaction is committed',
    golden.streamCommit(753, 200n, 248n, committed.committedAt),
    { kind: 'stream-commit', ...committed },
  ],
  [
    'a subtransaction of a stream is undone',
    golden.streamAbort(753, 755),
    { kind: 'stream-abort', xid: 753, subxid: 755 },
  ],
  [
    'a subtransaction of a parallel stream is undone',
    golden.streamAbort(753, 755, { lsn: 1n, at: 2 }),
    { kind: 'stream-abort', xid: 753, subxid: 755 },
  ],
  [
    'a transaction is going to be prepared',
    golden.beginPrepare(prepared),
    { kind: 'begin-prepare', xid: 0xffff_ffff, lsn: 100n, end: 148n },
  ],
  ['a transaction is prepared', golden.prepare(prepared), { kind: 'prepare' }],
  [
    'a streamed transaction is prepared',
    golden.streamPrepare(prepared),
    { kind: 'stream-prepare', xid: 0xffff_ffff, lsn: 100n, end: 148n },
  ],
  [
    'a prepared transaction is committed',
    golden.commitPrepared({ ...committed, at: committed.committedAt }),
    { kind: 'commit-prepared', ...committed },
  ],
  [
    'a prepared transaction is rolled back: what counts is where that ended',
    golden.rollbackPrepared(prepared, 300n),
    { kind: 'rollback-prepared', xid: 0xffff_ffff, end: 300n },
  ],
];

function begun(lsn: bigint, xid: number) {
  return { kind: 'begin', lsn, xid } as const;
}

test.for(cases)('pgoutput: %s', ([, message, want]) => {
  expect(read(message)).toEqual(want);
});

const inBlocks = cases.filter(([, [first]]) => 'RYTM'.includes(String.fromCharCode(first!)));

test.for(inBlocks)('pgoutput in a streamed block: %s', ([, message, want]) => {
  expect(readMessage(golden.streamed(0xfeed_beef, message), 0, true)).toEqual(want);
});

test('a message is read where it lies, whatever lies around it', () => {
  for (const [, message, want] of cases) {
    const data = Buffer.concat([Buffer.from('xyz'), message, Buffer.from('xyz')]);
    expect(readMessage(data, 3, false)).toEqual(want);
  }
});

test.for([0, 1, 3])('a truncate names every table, whatever its options: %i', (options) => {
  const want = { kind: 'truncate', oids: [16_385, 2, 0xffff_ffff] };
  const message = golden.truncate([16_385, 2, 0xffff_ffff], options);
  expect(read(message)).toEqual(want);
  expect(readMessage(golden.streamed(7, message), 0, true)).toEqual(want);
});

test('a relation tells of each column its type, its modifier and whether the old row has it', () => {
  const message = golden.relation(
    7,
    ['app', 'Größe'],
    [
      { name: 'id', oid: oids.int8, identity: true },
      { name: 'price', oid: oids.numeric, typmod: 786_438 },
    ],
    'i',
  );
  const want = {
    kind: 'relation',
    relation: {
      oid: 7,
      schema: 'app',
      name: 'Größe',
      identity: 'i',
      columns: [
        { name: 'id', oid: 20, typmod: -1, identity: true },
        { name: 'price', oid: 1700, typmod: 786_438, identity: false },
      ],
    },
  };
  expect(read(message)).toEqual(want);
  expect(readMessage(golden.streamed(7, message), 0, true)).toEqual(want);
});

test.for(['Z', '\0', 'é'])(
  'a message %j that no protocol has is an error that names it',
  (letter) => {
    const message = Buffer.from(`${letter}\0\0\0\0`, 'latin1');
    expect(() => read(message)).toThrow(`pgoutput message ${JSON.stringify(letter)}`);
  },
);

test('a logical message that is cut short is an error', () => {
  const whole = golden.message(9n, 'p', 'long enough');
  expect(() => read(whole.subarray(0, whole.length - 1))).toThrow('cut short');
});
