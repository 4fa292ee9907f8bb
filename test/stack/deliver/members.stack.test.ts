import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { sinkNames } from '../../../ops/worker/sink-names.ts';
import { printSeed, seed } from '../capture/seed.ts';
import { seeded } from '../../../ops/demo/random.ts';
import { adminOf } from '../way/records.ts';
import { openWay, type Way } from '../way/way.ts';
import type { Worker } from '../way/worker.ts';
import { type OneSink, oneSink, runs } from './one-sink.ts';

let way: Way;

beforeAll(async () => {
  way = await openWay();
  await way.drain();
  const flow = way.start(['run', 'capture', 'govern']);
  await runs(flow);
}, 400_000);

afterAll(() => way?.[Symbol.asyncDispose]());

/** What the group of a sink has given to whom, by the names that members have: those without one have it from the broker. */
async function assigned(sink: OneSink): Promise<Readonly<Record<string, string>>> {
  await using admin = await adminOf(way.stack);
  const { groups } = await admin.describeGroups([`${way.name}.deliver-${sink.sink}`]);
  const members = groups[0]?.members ?? [];
  return Object.fromEntries(
    members.map(({ memberId, memberAssignment }) => [
      /^member-\d/.exec(memberId)?.[0] ?? memberId,
      memberAssignment.toString('base64'),
    ]),
  );
}

test.for(
  sinkNames.flatMap((name) => [[name, 'without names'] as const, [name, 'with names'] as const]),
)(
  '%s: workers %s that come, die and leave under load lose no change and double none',
  { timeout: 400_000 },
  async ([name, how]) => {
    printSeed();
    const random = seeded(seed);
    const sink = await oneSink(way, name);
    const files = await Promise.all(
      [0, 1, 2].map((n) =>
        sink.variant((raw) => {
          if (how === 'with names') raw.kafka['member'] = `member-${n}`;
        }),
      ),
    );
    const start = (n: number) => sink.start({}, files[n]);
    const workers: (Worker | null)[] = [start(0), null, null];
    await runs(workers[0]);
    for (let round = 0; round < 8; round++) {
      const n = random.below(3);
      const worker = workers[n];
      if (!worker) workers[n] = start(n);
      else if (random.chance(0.5)) {
        worker.kill('SIGKILL');
        await worker.ended;
        workers[n] = how === 'with names' ? start(n) : null;
      } else {
        await worker[Symbol.asyncDispose]();
        workers[n] = null;
      }
      await sink.feed(100);
    }
    workers[0] ??= start(0);
    await runs(workers[0]);
    await sink.equal();
    for (const worker of workers) await worker?.[Symbol.asyncDispose]();
  },
);

test(
  'a worker with a name that was killed is back at its lanes, and the others kept theirs',
  { timeout: 400_000 },
  async () => {
    const sink = await oneSink(way, 'postgres');
    const files = await Promise.all(
      ['member-7', 'member-8'].map((member) =>
        sink.variant((raw) => (raw.kafka['member'] = member)),
      ),
    );
    const [first, second] = files.map((file) => sink.start({}, file));
    await vi.waitFor(
      async () => {
        const all = await assigned(sink);
        expect(Object.keys(all).toSorted()).toEqual(['member-7', 'member-8']);
        expect(Object.values(all).every((each) => each.length > 0)).toBe(true);
      },
      { timeout: 60_000, interval: 200 },
    );
    const before = await assigned(sink);
    first?.kill('SIGKILL');
    await first?.ended;
    expect(await assigned(sink)).toEqual(before); // Nobody has missed it yet.
    await using back = sink.start({}, files[0]);
    await runs(back);
    await sink.feed(100);
    await sink.equal();
    expect(await assigned(sink)).toEqual(before);
    await second?.[Symbol.asyncDispose]();
  },
);
