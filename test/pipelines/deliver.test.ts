import { lastValueFrom } from 'rxjs';
import { expect, test } from 'vitest';
import { deliver } from '../../pipelines/deliver.ts';
import type { Refused } from '../../pipelines/flow/stage.ts';
import type { Received } from '../../pipelines/topic/received.ts';
import { changeOf, type GovernedRecord } from '../../schemas/governed-record.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { unchanged } from '../../schemas/value.ts';
import { deliveries, ListSink, ListSource } from '../doubles.ts';
import { changesOf, contractOf } from '../sinks/changes.ts';
import { governedRecord, registryOf } from './records.ts';

const notes = contractOf('public.notes', { id: 'bigint', text: 'text' });
const make = changesOf(notes);
const changes = [
  make.insert(1, { id: 1n, text: 'a' }),
  make.update(2, { id: 1n, text: unchanged }),
  make.delete(3, { id: 1n }),
];

function start(records: readonly Received[]) {
  const governed = new ListSource(deliveries(records.map((each) => [each])));
  const rest = new ListSink<GovernedRecord>();
  const letters = new ListSink<Refused<Received | GovernedRecord>>();
  const pulling = { room: { values: 100, bytes: 10_000 }, signal: new AbortController().signal };
  const batching = { size: 10, lingerMs: 0 };
  const run = () =>
    lastValueFrom(deliver({ governed, rest, letters }, registryOf(notes), { pulling, batching }));
  return { governed, rest, letters, run };
}

const records = changes.map((each, index) => governedRecord(notes, each, BigInt(index)));

test('what was governed arrives as it was, in order, and is confirmed', async () => {
  const { governed, rest, run } = start(records);
  await run();
  expect(rest.values.map(changeOf)).toEqual(changes);
  expect(governed.confirmed.get('log')).toBe(3n);
});

test('what the sink can never take becomes a letter; what cannot be read does too; the rest arrives', async () => {
  const { governed, rest, letters, run } = start([
    ...records,
    { ...records[0]!, value: Buffer.from('damaged') },
  ]);
  rest.before = (batch) => {
    if (batch.map(changeOf).some(({ op }) => op === 'update'))
      throw new Refusal('rejected-by-sink', 'no');
  };
  await run();
  expect(rest.values.map(changeOf).map(({ op }) => op)).toEqual(['insert', 'delete']);
  expect(letters.values.map(({ refusal }) => refusal.reason).toSorted()).toEqual([
    'rejected-by-sink',
    'undecodable',
  ]);
  expect(governed.confirmed.get('log')).toBe(4n);
});

test('a sink that is lost stops delivery, with nothing confirmed that it does not hold', async () => {
  const { governed, rest, run } = start(records);
  rest.before = () => {
    if (rest.values.length > 0) throw new Error('connection lost');
  };
  await expect(run()).rejects.toThrow('connection lost');
  expect(governed.confirmed.get('log')).toBe(BigInt(rest.values.length));
});

test('what comes again reaches the sink at the offset that it was refused at; one that does not tell it is a letter', async () => {
  const again = (offset: bigint | null): Received => ({
    ...records[0]!,
    offset: 9_000n,
    retried: { letter: 'abc', topic: 'retry.deliver-postgres', offset },
  });
  const { rest, letters, run } = start([again(17n), again(null)]);
  await run();
  expect(rest.values.map(({ offset }) => offset)).toEqual([17n]);
  expect(letters.values.map(({ refusal }) => refusal.reason)).toEqual(['undecodable']);
});
