import { lastValueFrom, of, Subject, toArray } from 'rxjs';
import { expect, test } from 'vitest';
import { into } from '../../../pipelines/flow/into.ts';
import type { Delivery } from '../../../pipelines/flow/source.ts';
import { each, type Envelope, pull } from '../../../pipelines/flow/stage.ts';
import { Refusal } from '../../../schemas/refusal.ts';
import { deliveries, ListDoor, ListSink, ListSource, turns } from '../../doubles.ts';

const forever = new AbortController().signal;
const closed = { next: () => expect.unreachable('nothing was to be refused') };

/** A source without end, that counts what it handed out. */
class EndlessSource extends ListSource<number> {
  override async *read({ signal }: { signal: AbortSignal }): AsyncIterable<Delivery<number>> {
    for (let at = 1n; !signal.aborted; at++) {
      this.delivered += 10;
      yield {
        position: { log: 'log', at },
        values: Array<number>(10).fill(Number(at)),
        bytes: 100,
      };
    }
  }
}

const limits = [
  { name: 'by count', room: { values: 95, bytes: Infinity } },
  { name: 'by bytes', room: { values: Infinity, bytes: 950 } },
] as const;

for (const { name, room } of limits) {
  test(`a slow sink with an endless source keeps a bounded number in flight, ${name}`, async () => {
    const source = new EndlessSource([]);
    const sink = new ListSink<number>();
    let proceed = Promise.withResolvers<void>();
    sink.before = () => proceed.promise;
    const stop = new AbortController();
    const done = lastValueFrom(
      pull(source, { room, signal: stop.signal }).pipe(
        into(sink, { size: 40, lingerMs: 0 }, closed),
      ),
    );

    for (let write = 0; write < 50; write++) {
      await turns();
      expect(source.delivered - sink.values.length).toBeLessThanOrEqual(95 + 10);
      const held = proceed;
      proceed = Promise.withResolvers();
      held.resolve();
    }
    expect(sink.values.length).toBeGreaterThan(1_000);
    stop.abort();
    sink.before = () => {};
    proceed.resolve();
    await done;
    expect(sink.values.length).toBe(source.delivered);
    expect(source.confirmed.get('log')).toBe(BigInt(source.delivered / 10));
  });
}

test('what moves only the position is confirmed without a value', async () => {
  const source = new ListSource(deliveries<number>([[], [1], []]));
  const sink = new ListSink<number>();
  await lastValueFrom(
    pull(source, { room: { values: 9, bytes: 999 }, signal: forever }).pipe(
      into(sink, { size: 9, lingerMs: 0 }, closed),
    ),
  );
  expect(source.confirmed.get('log')).toBe(3n);
});

test('a log that is revoked in mid-flight is not confirmed by what settles afterwards', async () => {
  const sink = new ListSink<number>();
  const held = Promise.withResolvers<void>();
  sink.before = () => held.promise;
  class Revoked extends ListSource<number> {
    override async *read({ revoked }: { revoked: (log: string) => void }) {
      yield { position: { log: 'mine', at: 1n }, values: [1], bytes: 1 };
      yield { position: { log: 'lost', at: 1n }, values: [2], bytes: 1 };
      revoked('lost');
      held.resolve();
    }
  }
  const source = new Revoked([]);
  await lastValueFrom(
    pull(source, { room: { values: 9, bytes: 999 }, signal: forever }).pipe(
      into(sink, { size: 1, lingerMs: 0 }, closed),
    ),
  );
  expect(sink.values).toEqual([1, 2]);
  expect([...source.confirmed]).toEqual([['mine', 1n]]);
});

test('a source that fails fails the flow', async () => {
  const source = new ListSource<number>([]);
  source.read = async function* () {
    yield* deliveries([[1]]);
    throw new Error('connection lost');
  };
  const flow = pull(source, { room: { values: 9, bytes: 999 }, signal: forever });
  await expect(lastValueFrom(flow)).rejects.toThrow('connection lost');
});

test('a flow that fails while nothing more has room lets go of its source', async () => {
  const source = new ListSource(deliveries([[1], [2]]));
  const sink = new ListSink<number>();
  sink.before = () => Promise.reject(new Error('outage'));
  const flow = pull(source, { room: { values: 1, bytes: 999 }, signal: forever }).pipe(
    into(sink, { size: 1, lingerMs: 0 }, closed),
  );
  await expect(lastValueFrom(flow)).rejects.toThrow('outage');
  await turns();
  expect(source.reading).toBe(false);
});

function settling(values: readonly number[]) {
  let settled = 0;
  const envelope: Envelope<number> = { values, settle: () => void settled++ };
  return { envelope, settled: () => settled };
}

const process = (value: number): readonly number[] => {
  if (value < 0) throw new Refusal('undecodable', 'negative');
  return Array<number>(value).fill(value);
};

const outcomes = [
  { name: 'one, many and none', values: [1, 0, 2], passed: [1, 2, 2], refused: [] },
  { name: 'some refused', values: [1, -1, 2, -2], passed: [1, 2, 2], refused: [-1, -2] },
  { name: 'all refused', values: [-1, -2], passed: [], refused: [-1, -2] },
  { name: 'refused beside withheld', values: [0, -1], passed: [], refused: [-1] },
] as const;

for (const { name, values, passed, refused } of outcomes) {
  test(`each: ${name}: settles once, when both what passed and what was refused are durable`, async () => {
    const door = new ListDoor<number>();
    const { envelope, settled } = settling(values);
    const out = await lastValueFrom(of(envelope).pipe(each(process, door), toArray()));
    expect(out.flatMap((one) => one.values)).toEqual(passed);
    expect(door.refused).toEqual(refused);

    const owed = [...out, ...door.envelopes];
    for (const { settle } of owed) {
      expect(settled()).toBe(0);
      settle();
    }
    expect(settled()).toBe(1);
  });
}

test('each: an envelope of which all was withheld settles at once and goes nowhere', async () => {
  const { envelope, settled } = settling([0, 0]);
  const out = await lastValueFrom(of(envelope).pipe(each(process, closed), toArray()));
  expect(out).toEqual([]);
  expect(settled()).toBe(1);
});

test('each: what is no refusal stops the flow, unsettled', async () => {
  const { envelope, settled } = settling([1]);
  const envelopes = new Subject<Envelope<number>>();
  const bug = () => {
    throw new TypeError('a bug');
  };
  const done = lastValueFrom(envelopes.pipe(each(bug, closed)));
  envelopes.next(envelope);
  await expect(done).rejects.toThrow('a bug');
  expect(settled()).toBe(0);
});
