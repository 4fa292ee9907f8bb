import { lastValueFrom } from 'rxjs';
import { expect, test } from 'vitest';
import { capture, keysFirst } from '../../pipelines/capture.ts';
import type { Refused } from '../../pipelines/flow/stage.ts';
import { sealing } from '../../processors/seal.ts';
import { tokeniser } from '../../processors/tokens.ts';
import type { Change, Decoded } from '../../schemas/change.ts';
import { encodeValues } from '../../schemas/secret.ts';
import { deliveries, isSettled, ListSink, ListSource, turns } from '../doubles.ts';
import { MemoryKeyring } from '../processors/memory-keyring.ts';
import { decoded, marker, userRow, users } from '../processors/tables.ts';

function start(batches: readonly (readonly Decoded[])[]) {
  const keyring = new MemoryKeyring();
  const wal = new ListSource(deliveries(batches, 'ig_slot'));
  const changes = new ListSink<Change>();
  const letters = new ListSink<Refused<Decoded | Change>>();
  const seal = sealing(new Map([[users.table, users]]), keyring, tokeniser(keyring), 12, () => {});
  const pulling = { room: { values: 100, bytes: 10_000 }, signal: new AbortController().signal };
  const run = () => lastValueFrom(capture({ wal, changes, letters }, { seal, pulling }));
  return { wal, changes, letters, run, confirmed: () => wal.confirmed.get('ig_slot') ?? 0n };
}

const insert = decoded('insert', { after: userRow });
const foreign = decoded('insert', { after: userRow }, { table: 'public.secrets', key: ['id'] });

test('the slot is told of a change when its topic has it, and not before', async () => {
  const { changes, run, confirmed } = start([[insert]]);
  const durable = Promise.withResolvers<void>();
  changes.before = () => durable.promise;
  const done = run();
  await turns();
  expect(confirmed()).toBe(0n);
  durable.resolve();
  await done;
  expect(confirmed()).toBe(1n);
  expect(changes.values).toMatchObject([{ key: { id: '7' }, after: { city: 'Bern' } }]);
});

test('of what goes to a topic no confidential value can be read', async () => {
  const { changes, run } = start([[insert, decoded('delete', { before: userRow })]]);
  await run();
  expect(changes.values.length).toBe(2);
  expect(encodeValues(changes.values)).not.toContain(marker);
  expect(changes.values.every(({ sealed }) => sealed !== null)).toBe(true);
});

test('a change of a table without a contract becomes a letter, and the rest goes on', async () => {
  const { changes, letters, run, confirmed } = start([[insert, foreign], [insert]]);
  await run();
  expect(changes.values.length).toBe(2);
  expect(letters.values.map(({ value, refusal }) => [value.table, refusal.reason])).toEqual([
    ['public.secrets', 'no-contract'],
  ]);
  expect(confirmed()).toBe(2n);
});

test('while a letter cannot be written nothing is acknowledged, and capture stops', async () => {
  const { letters, run, confirmed } = start([[foreign], [insert]]);
  letters.before = () => Promise.reject(new Error('disk full'));
  await expect(run()).rejects.toThrow('disk full');
  await turns();
  expect(confirmed()).toBe(0n);
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
