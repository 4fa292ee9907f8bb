import { expect, test } from 'vitest';
import { historyLane, offsetsOf } from '../../sinks/lane-offsets.ts';
import { changesOf, contractOf } from './changes.ts';
import { recording } from './taking-changes.ts';

const notes = contractOf('public.notes', { id: 'bigint' });
const change = changesOf(notes);
const record = (lsn: number, lane: number, isRetried = false) => ({
  ...recording([notes])({ ...change.insert(lsn, { id: BigInt(lsn) }), lane }),
  isRetried,
});

test('a lane has come as far as its greatest offset, whatever comes again beside it', () => {
  const batch = [record(7, 0), record(3, 0), record(900, 0, true), record(5, 1, true)];
  expect([...offsetsOf(batch)]).toEqual([['public.notes/0', 7n * 16n]]);
});

test('what comes again has lanes of its own in a history', () => {
  expect([record(1, 3), record(1, 3, true)].map(historyLane)).toEqual([3, 2_147_483_651]);
});
