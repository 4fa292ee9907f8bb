import { lastValueFrom } from 'rxjs';
import { expect, test } from 'vitest';
import { besideLetters } from '../../../pipelines/flow/beside.ts';
import { into } from '../../../pipelines/flow/into.ts';
import { each, pull, type Refused } from '../../../pipelines/flow/stage.ts';
import { Refusal } from '../../../schemas/refusal.ts';
import { deliveries, isSettled, ListSink, ListSource, turns } from '../../doubles.ts';

const room = { values: 100, bytes: 10_000 };
const negativeIsRefused = (value: number): readonly number[] => {
  if (value < 0) throw new Refusal('undecodable', 'negative');
  return [value];
};

function start(batches: readonly (readonly number[])[]) {
  const source = new ListSource(deliveries(batches));
  const sink = new ListSink<number>();
  const letters = new ListSink<Refused<number>>();
  const run = (signal = new AbortController().signal) =>
    lastValueFrom(
      besideLetters(letters, (refused) =>
        pull(source, { room, signal }).pipe(
          each(negativeIsRefused, refused),
          into(sink, { size: 10, lingerMs: 0 }, refused),
        ),
      ),
      { defaultValue: 0 },
    );
  const confirmed = () => source.confirmed.get('log') ?? 0n;
  return { source, sink, letters, run, confirmed };
}

test('a refused change is confirmed once it is a dead letter, and not before', async () => {
  const { sink, letters, run, confirmed } = start([[1], [-2], [3]]);
  const written = Promise.withResolvers<void>();
  letters.before = () => written.promise;
  const done = run();
  await turns();
  expect(sink.values).toEqual([1, 3]);
  expect(confirmed()).toBe(1n);
  expect(await isSettled(done)).toBe(false);
  written.resolve();
  await done;
  expect(letters.values.map(({ value }) => value)).toEqual([-2]);
  expect(confirmed()).toBe(3n);
});

test('a change that only the sink refuses is confirmed once it is a dead letter, and not before', async () => {
  const { sink, letters, run, confirmed } = start([[1], [2], [3]]);
  sink.before = (batch) => {
    if (batch.includes(2)) throw new Refusal('rejected-by-sink', 'two');
  };
  const written = Promise.withResolvers<void>();
  letters.before = () => written.promise;
  const done = run();
  await turns();
  expect(confirmed()).toBe(1n);
  written.resolve();
  await done;
  expect(sink.values).toEqual([1, 3]);
  expect(letters.values.map(({ value, refusal }) => [value, refusal.reason])).toEqual([
    [2, 'rejected-by-sink'],
  ]);
  expect(confirmed()).toBe(3n);
});

test('a batch of which part passed and part was refused is confirmed when both are durable', async () => {
  const { sink, letters, run, confirmed } = start([[1, -2, 3]]);
  const passed = Promise.withResolvers<void>();
  sink.before = () => passed.promise;
  const done = run();
  await turns();
  expect(letters.values.length).toBe(1);
  expect(confirmed()).toBe(0n);
  passed.resolve();
  await done;
  expect(confirmed()).toBe(1n);
});

const letterFaults = [
  { name: 'that fails', fault: new Error('disk full') },
  { name: 'that refuses a letter', fault: new Refusal('too-large', 'a letter of 40 MB') },
] as const;

for (const { name, fault } of letterFaults) {
  test(`a sink of letters ${name} stops the flow, with the position unconfirmed`, async () => {
    const { letters, run, confirmed, source } = start([[1], [-2], [3], [-4], [5]]);
    letters.before = () => Promise.reject(fault);
    await expect(run()).rejects.toThrow(fault.message);
    await turns();
    expect(confirmed()).toBe(1n);
    expect(letters.values).toEqual([]);
    expect(source.reading).toBe(false);
  });
}

test('a sink that fails stops the flow, though letters could still be written', async () => {
  const { sink, letters, run, confirmed } = start([[-1], [2], [3]]);
  sink.before = () => Promise.reject(new Error('outage'));
  await expect(run()).rejects.toThrow('outage');
  await turns();
  expect(confirmed() <= 1n).toBe(true);
  expect(letters.values.length).toBeLessThanOrEqual(1);
});

test('a stop drains: what was pulled is written and confirmed, and no more is pulled', async () => {
  const stop = new AbortController();
  const { source, sink, run, confirmed } = start([[1], [2], [3]]);
  const held = Promise.withResolvers<void>();
  sink.before = () => held.promise;
  source.read = async function* ({ signal }) {
    for (const delivery of source.deliveries) {
      if (signal.aborted) return;
      yield delivery;
      if (delivery.position.at === 2n) stop.abort();
    }
  };
  const done = run(stop.signal);
  await turns();
  expect(await isSettled(done)).toBe(false);
  held.resolve();
  await done;
  expect(sink.values).toEqual([1, 2]);
  expect(confirmed()).toBe(2n);
});
