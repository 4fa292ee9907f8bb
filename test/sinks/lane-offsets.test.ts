import { expect, test } from 'vitest';
import { offsetsOf } from '../../sinks/lane-offsets.ts';
import { changesOf, contractOf } from './changes.ts';
import { recording } from './taking-changes.ts';

const notes = contractOf('public.notes', { id: 'bigint' });
const change = changesOf(notes);
const record = (lsn: number, lane: number) =>
  recording([notes])({ ...change.insert(lsn, { id: BigInt(lsn) }), lane });

test('a lane has come as far as its greatest offset, whatever comes again beside it', () => {
  const batch = [record(7, 0), record(3, 0), record(5, 1)];
  expect([...offsetsOf(batch)]).toEqual([
    ['public.notes/0', 7n * 16n],
    ['public.notes/1', 5n * 16n],
  ]);
});
