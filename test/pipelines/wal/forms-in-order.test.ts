import { expect, test } from 'vitest';
import * as golden from '../../golden/pgoutput.ts';
import { contractOf } from '../../sinks/changes.ts';
import { capturing } from './captured.ts';

const { oids } = golden;
const mood = 16_400;
const id = { name: 'id', oid: oids.int8, identity: true };
const [a, b, c] = ['a', 'b', 'c'].map((name) => ({ name, oid: oids.text }));
const formOf = (...columns: readonly golden.ColumnForm[]) =>
  golden.relation(1, ['public', 'things'], [id, ...columns]);
const older = formOf(b!, a!); // Both of one length: nothing but the form tells them apart.
const newer = formOf(a!, c!);
const others = golden.relation(2, ['public', 'others'], [id]);
const contracts = [
  contractOf('public.things', { id: 'bigint', a: 'text', b: 'text', c: 'text' }),
  contractOf('public.others', { id: 'bigint' }),
];

const whole = (lsn: bigint, ...messages: readonly Buffer[]) => [
  golden.begin(lsn, 1, 9),
  ...messages,
  golden.commit(lsn, lsn + 10n, 1),
];
const block = (xid: number, ...messages: readonly (readonly [xid: number, message: Buffer])[]) => [
  golden.streamStart(xid, true),
  ...messages.map(([own, message]) => golden.streamed(own, message)),
  golden.streamStop(),
];
const row = (key: number) => golden.insert(1, [`${key}`, 'first', 'second']);
const placed = (xid: number, lsn: bigint) => ({ xid, lsn, end: lsn + 10n, at: Number(lsn) });

async function opened(...first: readonly Buffer[]) {
  const { take, made } = await capturing({ contracts });
  await take(...first);
  return {
    take,
    after: async (...messages: readonly Buffer[]) => {
      await take(...messages);
      const { changes } = made();
      return changes.filter(({ table }) => table === 'public.things').map((each) => each.after);
    },
  };
}

const inOlder = (key: bigint) => ({ id: key, b: 'first', a: 'second' });
const inNewer = (key: bigint) => ({ id: key, a: 'first', c: 'second' });

test('a form that a streamed transaction brought does not outlive its commit where a newer one came meanwhile', async () => {
  const { after } = await opened(
    others,
    ...block(7, [8, older], [8, row(1)]),
    golden.streamAbort(7, 8),
    ...whole(100n, newer, row(2)),
    ...block(7, [7, others], [7, golden.insert(2, ['1'])]),
  );
  expect(await after()).toEqual([inNewer(2n)]);
  await after(golden.streamCommit(7, 200n, 210n, 1));
  expect(await after(...whole(300n, row(3)))).toEqual([inNewer(3n)]);
});

test('the rows of a streamed transaction are read in the forms that it brought, also of what it undid', async () => {
  const { after } = await opened(
    ...block(7, [8, older], [8, row(1)]),
    golden.streamAbort(7, 8),
    ...block(7, [7, row(2)]),
    ...whole(100n, newer, row(3)),
  );
  expect(await after(golden.streamCommit(7, 200n, 210n, 1))).toEqual([inNewer(3n), inOlder(2n)]);
});

test('a form that came with a streamed transaction counts after its commit, for others too', async () => {
  const { after } = await opened(
    ...whole(50n, older, row(1)),
    ...block(7, [7, newer], [7, row(2)]),
  );
  expect(await after(golden.streamCommit(7, 200n, 210n, 1), ...whole(300n, row(3)))).toEqual([
    inOlder(1n),
    inNewer(2n),
    inNewer(3n),
  ]);
});

test('a streamed transaction that commits does not undo what another brought after it', async () => {
  const { after } = await opened(
    ...block(7, [7, older], [7, row(1)]),
    ...block(8, [8, newer], [8, row(2)]),
    golden.streamCommit(8, 200n, 210n, 1),
    golden.streamCommit(7, 300n, 310n, 1),
  );
  expect(await after(...whole(400n, row(3)))).toEqual([inNewer(2n), inOlder(1n), inNewer(3n)]);
});

test('a prepared transaction is read in the forms of its time, and what came since stays', async () => {
  const { after } = await opened(
    ...whole(50n, older, row(1)),
    golden.beginPrepare(placed(7, 100n)),
    row(2), // The server has described it before.
    golden.prepare(placed(7, 100n)),
    ...whole(200n, newer, row(3)),
  );
  expect(await after(golden.commitPrepared(placed(7, 300n)), ...whole(400n, row(4)))).toEqual([
    inOlder(1n),
    inNewer(3n),
    inOlder(2n),
    inNewer(4n),
  ]);
});

test('a form that a prepared transaction described itself gives way to a newer one', async () => {
  const { after } = await opened(
    golden.beginPrepare(placed(7, 100n)),
    older,
    row(1),
    golden.prepare(placed(7, 100n)),
    ...whole(200n, newer, row(2)),
  );
  expect(await after(golden.commitPrepared(placed(7, 300n)), ...whole(400n, row(3)))).toEqual([
    inNewer(2n),
    inOlder(1n),
    inNewer(3n),
  ]);
});

test('what a prepared transaction said of a table still counts when it is rolled back', async () => {
  const { after } = await opened(
    ...whole(50n, older, row(1)),
    golden.beginPrepare(placed(7, 100n)),
    newer,
    row(2),
    golden.prepare(placed(7, 100n)),
    golden.rollbackPrepared(placed(7, 100n), 150n),
  );
  expect(await after(...whole(200n, row(3)))).toEqual([inOlder(1n), inNewer(3n)]);
});

test('the names of types that a streamed transaction brought do not outlive its commit either', async () => {
  const typed = golden.relation(
    1,
    ['public', 'things'],
    [id, { name: 'b', oid: mood }, { name: 'a', oid: oids.text }],
  );
  const { take, relations } = await capturing({ contracts });
  await take(
    ...block(7, [7, golden.type(mood, 'old_mood')], [7, typed]),
    ...whole(100n, golden.type(mood, 'mood'), typed),
    golden.streamCommit(7, 200n, 210n, 1),
  );
  const { relation } = await relations.open(1, 300n);
  expect(relation.columns[1]?.type).toBe('mood');
});

for (const [name, message] of [
  ['an insert', golden.insert(1, ['1', 'first'])],
  ['a new row', golden.update(1, null, ['1', 'first', 'second', 'third'])],
  ['an old row', golden.update(1, ['O', ['1', 'a']], ['1', 'first', 'second'])],
  ['a delete', golden.remove(1, ['K', ['1', null]])],
] as const)
  test(`${name} with more or fewer columns than its table is an error, and no change`, async () => {
    const { take, made } = await capturing({ contracts });
    await take(older, golden.begin(10n, 1, 9));
    await expect(take(message)).rejects.toThrow(
      /a row of public\.things has \d columns, and its table was described with 3/,
    );
    expect(made().changes).toEqual([]);
  });
