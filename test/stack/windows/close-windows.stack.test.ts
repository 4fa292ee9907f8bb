import type { Message } from 'kafkajs';
import { expect, test } from 'vitest';
import type { Registry } from '../../../contracts/registry.ts';
import { topicSettings } from '../../../contracts/topics.ts';
import { endsOf, ensureTopics } from '../../../pipelines/topic/admin.ts';
import { closeWindows, type WindowUser } from '../../../pipelines/windows/windows.ts';
import { ownDatabases } from '../own-databases.ts';
import { freshTopic, kafka, stack } from '../sinks/records-topic.ts';
import { adminOf, clientOf } from '../way/records.ts';

/** A record of capture that says how far the log's time has come. */
const beat = (seconds: number) => ({
  key: null,
  value: null,
  headers: { watermark: `${seconds * 1_000_000}` },
});

async function send(topic: string, messages: readonly Message[]): Promise<void> {
  const producer = clientOf(stack).producer();
  await producer.connect();
  await producer.send({ topic, messages: [...messages] });
  await producer.disconnect();
}

const registry = { learn: async () => {}, type: () => null } as unknown as Registry;

/** Closes what has ended; gives the windows. */
async function closed(topic: string, stateUrl: string): Promise<readonly number[]> {
  const indexes: number[] = [];
  const user: WindowUser = {
    restore: async () => {},
    isWaiting: true,
    async close({ index }) {
      indexes.push(index);
      return { save: async () => {}, send: async () => {} };
    },
  };
  const topics = [topic];
  const windows = closeWindows(
    { name: 't', topics, widthMicros: 1e6, mostPerLane: 9, skipsUntimed: false, form: 'none' },
    {
      kafka: { ...kafka, requestTimeout: 30_000 },
      registry,
      keyring: { refresh: async () => {} },
      stateUrl,
      until: await endsOf(kafka, topics),
    },
    user,
    new AbortController().signal,
  );
  for await (const _ of windows);
  return indexes;
}

test('windows go on where they were, and not in another topic that has the name of theirs', async () => {
  await using databases = await ownDatabases(['state']);
  const state = databases.urlOf('state');
  await using topic = await freshTopic(1);
  await send(topic.name, [1, 2, 3].map(beat));
  expect((await closed(topic.name, state)).at(-1)).toBe(2);
  await send(topic.name, [5].map(beat));
  expect(await closed(topic.name, state)).toEqual([3, 4]);

  await using admin = await adminOf(stack);
  await admin.deleteTopics({ topics: [topic.name] });
  await expect.poll(() => admin.listTopics()).not.toContain(topic.name);
  await ensureTopics(kafka, [topicSettings(topic.name, 1)], 1);
  await send(topic.name, [6, 7, 8, 9, 10, 11, 12].map(beat)); // More than were read of the one before.
  await expect(closed(topic.name, state)).rejects.toThrow(/give the dataset another name/);
});

test('who reads up to the end of the log comes to an end, also if one lane has more of the last window than is held', async () => {
  await using databases = await ownDatabases(['state']);
  const state = databases.urlOf('state');
  await using topic = await freshTopic(2);
  const both = (seconds: number) => [0, 1].map((partition) => ({ ...beat(seconds), partition }));
  const large = { partition: 0, value: 'waits in its window'.repeat(2_000) };
  await send(topic.name, both(5));
  for (let fetch = 0; fetch < 10; fetch++) await send(topic.name, [large, large, large]);
  expect((await closed(topic.name, state)).at(-1)).toBe(4);
  await send(topic.name, both(7));
  expect(await closed(topic.name, state)).toEqual([5, 5, 5, 5, 6]); // What was left is not lost.
});
