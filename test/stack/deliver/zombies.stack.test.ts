import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sinkNames } from '../../../ops/worker/sink-names.ts';
import { openWay, type Way } from '../way/way.ts';
import { oneSink, runs, stopped } from './one-sink.ts';

let way: Way;

beforeAll(async () => {
  way = await openWay();
  await way.drain();
  const flow = way.start(['run', 'capture', 'govern']);
  await runs(flow);
}, 400_000);

afterAll(() => way?.[Symbol.asyncDispose]());

describe.for(sinkNames)('%s', { timeout: 400_000 }, (name) => {
  test.for(['writing', 'written'] as const)(
    'a worker that is killed when a batch is %s has its changes come again, and none is doubled',
    async (failpoint) => {
      const sink = await oneSink(way, name);
      const struck = sink.start({ CONDUCTOR_FAILPOINT: `${failpoint}:2` });
      await runs(struck);
      await sink.feed(300);
      await sink.feed(300);
      const { signal, stderr } = await struck.ended;
      expect(signal, stderr).toBe('SIGKILL');
      await using next = sink.start();
      await runs(next);
      await sink.equal();
    },
  );

  test.for(['writing', 'written'] as const)(
    'a worker that sleeps while its batch is %s, and wakes when another has its lanes, changes nothing for the worse',
    async (failpoint) => {
      const sink = await oneSink(way, name);
      const zombie = sink.start({ CONDUCTOR_FAILPOINT: `${failpoint}:2=stop` });
      await runs(zombie);
      await sink.feed(300);
      await sink.feed(300);
      await stopped(zombie);
      await using other = sink.start();
      await sink.feed(300); // The same rows again, among others.
      await sink.equal(); // The group has missed it, and given its lanes away.
      zombie.kill('SIGCONT');
      await sink.feed(300);
      await sink.equal();
      await zombie[Symbol.asyncDispose]();
      await sink.equal();
      await runs(other);
    },
  );
});
