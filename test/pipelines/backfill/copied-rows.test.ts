import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TableContract } from '../../../contracts/contract.ts';
import { CopiedRows, copyHead } from '../../../pipelines/backfill/copied-rows.ts';
import { Column } from '../../../processors/transcode/columns.ts';
import type { Relation } from '../../../schemas/relation.ts';
import { compare, type Position } from '../../../schemas/position.ts';
import { contractOf } from '../../sinks/changes.ts';
import { capturing } from '../wal/captured.ts';

const names = ['id', 'name'] as const;
const relation: Relation = {
  oid: 1,
  schema: 'public',
  name: 'users',
  table: 'public.users',
  identity: 'default',
  columns: names.map((name) => ({ name, type: 'text', oid: 25, identity: name === 'id' })),
};
const contract = contractOf('public.users', { id: 'text', name: 'text' });
const base = { timeline: 2, lsn: 500n, watermark: 77 };

type Row = readonly (string | null)[];

const int = (value: number, bytes: 2 | 4) => {
  const buffer = Buffer.alloc(bytes);
  buffer.writeIntBE(value, 0, bytes);
  return buffer;
};
const field = (value: string | null) =>
  value === null
    ? int(-1, 4)
    : Buffer.concat([int(Buffer.byteLength(value), 4), Buffer.from(value)]);
const rowOf = (row: Row) => Buffer.concat([int(row.length, 2), ...row.map(field)]);
const message = (kind: string, content: Buffer) =>
  Buffer.concat([Buffer.from(kind), int(content.length + 4, 4), content]);

/** A binary COPY as the server sends it, up to where it is ready again. */
function copyOf(rows: readonly Row[], extension = 0, alone = false): Buffer {
  const head = Buffer.concat([
    Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'),
    int(0, 4),
    int(extension, 4),
    Buffer.alloc(extension, 'x'),
  ]);
  const all = [...rows.map(rowOf), int(-1, 2)];
  const datas = alone ? [head, ...all] : [Buffer.concat([head, all[0]!]), ...all.slice(1)];
  return Buffer.concat([
    message('H', Buffer.from([1, 0, 2, 0, 1, 0, 1])),
    ...datas.map((data) => message('d', data)),
    message('c', Buffer.alloc(0)),
    message('C', Buffer.from('COPY 2\0')),
    message('Z', Buffer.from('I')),
  ]);
}

interface Setting {
  readonly of?: TableContract;
  readonly touched?: readonly string[] | 'all';
  readonly limitBytes?: number;
}

/** Copies the bytes of chunks, each of which is written over once it was read. */
async function copy(
  chunks: readonly Buffer[],
  { of = contract, touched: keys, limitBytes = 100_000 }: Setting = {},
) {
  const { opening, output, made, watch } = await capturing({ contracts: [of], limitBytes });
  const way = await opening(relation, 0n);
  made();
  const columns = relation.columns.map((column, index) => new Column(index, column));
  const table = { table: relation.table, relation, way, contract: of, columns, key: of.key };
  const touched = keys === undefined ? null : watch.open(relation.table);
  if (keys === 'all') watch.truncated(relation.table);
  else for (const key of keys ?? []) watch.changed(relation.table, key);
  const head = copyHead(base, { log: 'slot/backfill0', system: '7000' });
  const asText = relation.columns.map(() => true);
  const copied = new CopiedRows({ table, asText, head, read: 41, touched, output });
  for (const chunk of chunks) {
    copied.encode({ chunks: [chunk], release: () => {} });
    chunk.fill(0xee);
  }
  const { changes, letters } = made();
  return { count: copied.count, changes, letters };
}

const cut = (bytes: Buffer, places: readonly number[]) => {
  const at = places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b);
  return [0, ...at].map((from, index) => Buffer.from(bytes.subarray(from, at[index])));
};

const text = fc.string({ unit: 'binary', maxLength: 8 });
const rows = fc
  .array(fc.option(text), { maxLength: 20 })
  .map((all) => all.map((name, index): Row => [`${index}`, name]));

test('however a copy is cut into chunks, its rows are inserts in their order', async () => {
  await fc.assert(
    fc.asyncProperty(
      rows,
      fc.array(fc.nat(), { maxLength: 30 }),
      fc.nat(9),
      fc.boolean(),
      async (all, places, extension, alone) => {
        const copied = await copy(cut(copyOf(all, extension, alone), places));
        expect(copied.count).toBe(all.length);
        expect(copied.letters).toEqual([]);
        expect(copied.changes.map(({ op, before, after }) => [op, before, after])).toEqual(
          all.map(([id, name]) => ['insert', null, { id, name }]),
        );
      },
    ),
    { numRuns: 150 },
  );
});

test('a copied row stands before all that was not confirmed, at its own place in its own log', async () => {
  const { changes } = await copy([
    copyOf([
      ['a', null],
      ['b', 'B'],
    ]),
  ]);
  expect(changes).toMatchObject([
    {
      system: '7000',
      log: 'slot/backfill0',
      position: { timeline: 2, lsn: 499n, seq: 41, part: 0 },
      transaction: 0,
      committedAt: 77,
      watermark: 77,
      recordKey: '{"id":"a"}',
    },
    { position: { timeline: 2, lsn: 499n, seq: 41, part: 1 } },
  ]);
  const streamed: Position = { timeline: 2, lsn: 500n, seq: 0, part: 0 };
  for (const { position } of changes) expect(compare(position, streamed)).toBeLessThan(0);
});

test('a row whose key the stream has changed since is left out, and the others keep their places', async () => {
  const all = ['a', 'b', 'c'].map((id): Row => [id, null]);
  const { changes, count } = await copy([copyOf(all)], { touched: ['{"id":"b"}', '{"id":"x"}'] });
  expect(changes.map(({ key, position }) => [key?.['id'], position.part])).toEqual([
    ['a', 0],
    ['c', 2],
  ]);
  expect(count).toBe(3);
});

const keyless = { ...contract, key: [] };

test('after a truncate no row that was read before is sent, with a key or without', async () => {
  for (const of of [contract, keyless])
    expect((await copy([copyOf([['a', null]])], { of, touched: 'all' })).changes).toEqual([]);
});

test('rows without a key are left out by nothing but a truncate', async () => {
  const { changes } = await copy([copyOf([['a', null]])], { of: keyless, touched: ['a'] });
  expect(changes).toMatchObject([{ key: null, after: { id: 'a' } }]);
});

test('a row that can never pass is a letter, and the others go on', async () => {
  const all: readonly Row[] = [
    ['a', 'x'.repeat(2_000)],
    [null, 'b'],
    ['c', 'c'],
  ];
  const { changes, letters, count } = await copy([copyOf(all)], { limitBytes: 1_000 });
  expect(changes.map(({ key }) => key)).toEqual([{ id: 'c' }]);
  expect(letters).toMatchObject([
    { value: { position: { seq: 41, part: 0 } }, refusal: { reason: 'too-large' } },
    { value: { position: { seq: 41, part: 1 }, key: { id: null } }, refusal: { reason: 'no-key' } },
  ]);
  expect(count).toBe(3);
});
