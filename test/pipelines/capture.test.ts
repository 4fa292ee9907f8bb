import { lastValueFrom, tap } from 'rxjs';
import { expect, test } from 'vitest';
import { capture, keysFirst } from '../../pipelines/capture.ts';
import { recycling } from '../../pipelines/recycling.ts';
import type { Refused } from '../../pipelines/flow/stage.ts';
import type { KeptChange } from '../../processors/transcode/kept-change.ts';
import type { Captured } from '../../processors/transcode/output.ts';
import { SlabPool } from '../../processors/transcode/slab-pool.ts';
import type { Records } from '../../schemas/records.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { deliveries, isSettled, ListSink, ListSource, turns } from '../doubles.ts';
import { MemoryKeyring } from '../processors/memory-keyring.ts';
import { decoded, userRow } from '../processors/tables.ts';

const records = (name: string, count = 1): Records => ({
  topic: `cdc.shop.public.${name}`,
  partition: 0,
  count,
  bytes: Buffer.allocUnsafeSlow(10).fill(name),
});
const refused: Refused<KeptChange> = {
  value: {
    ...decoded('insert', { after: userRow }, { table: 'public.secrets', key: ['id'] }),
    owners: [],
    payload: Buffer.from('sealed later'),
  },
  refusal: new Refusal('no-contract', 'table public.secrets has no contract'),
};

function start(batches: readonly (readonly Captured[])[]) {
  const wal = new ListSource(deliveries(batches, 'ig_slot'));
  const sink = new ListSink<Records>();
  const letters = new ListSink<Refused<Captured>>();
  const pulling = { room: { values: 100, bytes: 10_000 }, signal: new AbortController().signal };
  const counts: number[] = [];
  const run = () =>
    lastValueFrom(
      capture({ wal, records: sink, letters }, pulling).pipe(tap((count) => counts.push(count))),
    );
  return { wal, sink, letters, counts, run, confirmed: () => wal.confirmed.get('ig_slot') ?? 0n };
}

test('the slot is told of records when their topic has them, and not before', async () => {
  const { sink, run, confirmed } = start([[records('a'), records('b')]]);
  const durable = Promise.withResolvers<void>();
  sink.before = () => durable.promise;
  const done = run();
  await turns();
  expect(confirmed()).toBe(0n);
  durable.resolve();
  await done;
  expect(confirmed()).toBe(1n);
  expect(sink.values.map(({ topic }) => topic)).toEqual(['cdc.shop.public.a', 'cdc.shop.public.b']);
});

test('records go out in the order in which they came, and a later write never settles an earlier one', async () => {
  const { sink, wal, run, confirmed } = start([[records('a')], [records('b')], [records('c')]]);
  const first = Promise.withResolvers<void>();
  sink.before = () => (sink.sizes.length === 1 ? first.promise : undefined);
  const done = run();
  await turns();
  expect([wal.delivered, sink.values, confirmed()]).toEqual([3, [], 0n]);
  first.resolve();
  await done;
  expect(sink.values.map(({ topic }) => topic.at(-1))).toEqual(['a', 'b', 'c']);
  expect(confirmed()).toBe(3n);
});

test('what counts is how many changes were written, not how many batches', async () => {
  const { counts, run } = start([[records('a', 700), records('b', 2)], [refused], [records('c')]]);
  await run();
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(700 + 2 + 1 + 1);
});

test('what was refused becomes a letter beside the rest, and its delivery is told with the last of both', async () => {
  const { sink, letters, run, confirmed } = start([[records('a'), refused], [records('b')]]);
  const durable = Promise.withResolvers<void>();
  letters.before = () => durable.promise;
  const done = run();
  await turns();
  expect(sink.values.length).toBe(2);
  expect(confirmed()).toBe(0n);
  durable.resolve();
  await done;
  expect(letters.values).toEqual([{ value: refused, refusal: refused.refusal }]);
  expect(confirmed()).toBe(2n);
});

test('a letter that is durable does not settle the records beside it', async () => {
  const { sink, letters, run, confirmed } = start([[records('a'), refused]]);
  const durable = Promise.withResolvers<void>();
  sink.before = () => durable.promise;
  const done = run();
  await turns();
  expect(letters.values.length).toBe(1);
  expect(confirmed()).toBe(0n);
  durable.resolve();
  await done;
  expect(confirmed()).toBe(1n);
});

test('while a letter cannot be written nothing is acknowledged, and capture stops', async () => {
  const { letters, run, confirmed } = start([[refused], [records('a')]]);
  letters.before = () => Promise.reject(new Error('disk full'));
  await expect(run()).rejects.toThrow('disk full');
  await turns();
  expect(confirmed()).toBe(0n);
});

test('while a topic cannot be written nothing is acknowledged, and capture stops', async () => {
  const { sink, run, confirmed } = start([[records('a')]]);
  sink.before = () => Promise.reject(new Error('no leader'));
  await expect(run()).rejects.toThrow('no leader');
  expect(confirmed()).toBe(0n);
});

test('records that their topic refuses are our mistake: capture stops, and nothing of them is a letter', async () => {
  const { sink, letters, run, confirmed } = start([[records('a')]]);
  sink.before = () => Promise.reject(new Refusal('too-large', 'a record is too large'));
  await expect(run()).rejects.toThrow(TypeError);
  expect([letters.values, confirmed()]).toEqual([[], 0n]);
});

test('a delivery without values moves the slot on', async () => {
  const { run, confirmed } = start([[records('a')], []]);
  await run();
  expect(confirmed()).toBe(2n);
});

test('a value goes out only after the key that it was sealed with is durable', async () => {
  const keyring = new MemoryKeyring();
  const saved = Promise.withResolvers<void>();
  keyring.saved = () => saved.promise;
  const sink = new ListSink<number>();
  const write = keysFirst(keyring, sink).write([1]);
  expect(await isSettled(write)).toBe(false);
  expect(sink.sizes).toEqual([]);
  saved.resolve();
  await write;
  expect(sink.values).toEqual([1]);
});

test('nothing goes out under a key that could not be kept', async () => {
  const keyring = new MemoryKeyring();
  keyring.saved = () => Promise.reject(new Error('EIO'));
  const sink = new ListSink<number>();
  await expect(keysFirst(keyring, sink).write([1])).rejects.toThrow('EIO');
  expect(sink.sizes).toEqual([]);
});

/** Whether a pool would hand out the buffer in which records lie. */
const isFree = (pool: SlabPool, { bytes }: Records) => pool.take(10).buffer === bytes.buffer;

test('a buffer is used again only after its records are written', async () => {
  const pool = new SlabPool();
  const sink = new ListSink<Records>();
  const durable = Promise.withResolvers<void>();
  sink.before = () => durable.promise;
  const sent = { ...records('a'), bytes: pool.take(10).subarray(0, 5) };
  const write = recycling(pool, sink).write([sent]);
  await turns();
  expect(isFree(pool, sent)).toBe(false);
  durable.resolve();
  await write;
  expect(isFree(pool, sent)).toBe(true);
});

test('a buffer whose records could not be written is not used again: who has it may try once more', async () => {
  const pool = new SlabPool();
  const sink = new ListSink<Records>();
  sink.before = () => Promise.reject(new Error('no leader'));
  const sent = { ...records('a'), bytes: pool.take(10).subarray(0, 5) };
  await expect(recycling(pool, sink).write([sent])).rejects.toThrow('no leader');
  expect(isFree(pool, sent)).toBe(false);
});

test('a sink with something around it keeps its name, and is closed with it', async () => {
  const sink = new ListSink<Records>();
  let closed = 0;
  sink[Symbol.asyncDispose] = async () => void closed++;
  for (const around of [keysFirst(new MemoryKeyring(), sink), recycling(new SlabPool(), sink)]) {
    expect(around.name).toBe('list');
    await around[Symbol.asyncDispose]();
  }
  expect(closed).toBe(2);
});
