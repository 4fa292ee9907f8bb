import { randomBytes } from 'node:crypto';
import { afterEach, expect, test, vi } from 'vitest';
import { ensureTopics } from '../../../pipelines/topic/admin.ts';
import { TopicSource } from '../../../pipelines/topic/source.ts';
import { servers } from '../servers.ts';
import { adminOf } from './records.ts';
import { openWay, type Way } from './way.ts';

const { kafka } = await servers();
const options = {
  clientId: 'a-test',
  bootstrapBrokers: [...kafka.brokers],
  retries: 2,
  retryDelay: 250,
};
const topic = `members_${randomBytes(5).toString('hex')}`;
let way: Way | undefined;
const patience = { timeout: 30_000, interval: 50 };

afterEach(async () => {
  await way?.[Symbol.asyncDispose]();
  await using admin = await adminOf(await servers());
  if ((await admin.listTopics()).includes(topic)) await admin.deleteTopics({ topics: [topic] });
});

/** A member of the group that reads until it is stopped. */
function start(member: string) {
  const stop = new AbortController();
  const lanes: string[] = [];
  let taken = 0;
  const source = new TopicSource({
    kafka: options,
    group: topic,
    member,
    topics: [topic],
    until: null,
    prepare: async () => {},
    assigned: async (own) => {
      taken++;
      lanes.splice(0, lanes.length, ...own.map(({ partition }) => `${partition}`).toSorted());
    },
    lost: () => {},
  });
  const reading = (async () => {
    const quiet = { revoked: () => {}, quiet: async () => {} };
    for await (const _ of source.read({ signal: stop.signal, ...quiet }));
  })();
  let isOver = false;
  reading.catch(() => {}).finally(() => (isOver = true));
  const ended = reading.then(
    () => null,
    (error: unknown) => error,
  );
  return {
    lanes,
    taken: () => taken,
    ended,
    isOver: () => isOver,
    async stop() {
      stop.abort();
      await ended;
      await source[Symbol.asyncDispose]();
    },
  };
}

test('a member that is back under its name has its lanes, nobody else is interrupted, and of two of one name one ends and says so', async () => {
  await ensureTopics(options, [{ name: topic, partitions: 4, configs: {} }], 1);
  const one = start('one');
  const other = start('other');
  await vi.waitFor(() => {
    expect([one.lanes.length, other.lanes.length]).toEqual([2, 2]);
  }, patience);
  const [own, taken] = [[...one.lanes], other.taken()];

  await one.stop();
  const back = start('one');
  await vi.waitFor(() => expect(back.lanes).toEqual(own), patience);

  const twin = start('one');
  const said = await Promise.race([back.ended, twin.ended]);
  expect(said).toMatchObject({ name: 'CannotRun', trouble: { where: 'kafka.member = one' } });
  expect(back.isOver()).not.toBe(twin.isOver());
  expect(other.taken()).toBe(taken);
  for (const each of [back, twin, other]) await each.stop();
}, 90_000);

test('of two workers of one name one ends, and names the setting', async () => {
  way = await openWay();
  const file = await way.variant((raw) => {
    raw.kafka['member'] = 'govern-0';
  });
  const workers = [way.start(['run', 'govern'], file)];
  await workers[0]?.running();
  workers.push(way.start(['run', 'govern'], file));
  const { code, stderr } = await Promise.race(workers.map(({ ended }) => ended));
  expect(code, stderr).toBe(1);
  expect(stderr).toContain('has the name govern-0');
  expect(stderr).toContain('where: kafka.member = govern-0');
}, 90_000);
