import { afterAll, beforeAll, expect, test } from 'vitest';
import { deadLettersTopic, topicSettings } from '../../../contracts/topics.ts';
import { withLetters } from '../../../ops/letters/open-letters.ts';
import { openPart } from '../../../ops/letters/show-letter.ts';
import { ensureTopics } from '../../../pipelines/topic/admin.ts';
import { kafkaOptions } from '../../../pipelines/topic/kafka.ts';
import { findLetters, type FoundLetter } from '../../../replay/letter-search.ts';
import type { DeadLetter } from '../../../schemas/dead-letter.ts';
import { Refusal } from '../../../schemas/refusal.ts';
import { deadLetters } from '../../../sinks/dead-letters.ts';
import { adminOf, clientOf, readAll } from '../way/records.ts';
import { openWay, type Way } from '../way/way.ts';

let way: Way;
let pipeline: string; // A topic of letters of this test's own.
let topic: string;

beforeAll(async () => {
  way = await openWay([]);
  pipeline = way.name;
  topic = deadLettersTopic(pipeline);
  await makeTopic();
});

afterAll(() => way?.[Symbol.asyncDispose]());

const makeTopic = () =>
  ensureTopics(kafkaOptions(way.config, 'test'), [topicSettings(topic, 2)], 1);

const letter = (n: number, size = 10): DeadLetter => ({
  id: n.toString(16).padStart(32, '0'),
  pipeline,
  reason: 'no-tenant',
  message: `table public.users: letter ${n}`,
  table: 'public.users',
  origin: `cdc.shop.public.users/0@${n}`,
  lane: n % 2,
  key: Buffer.from(`{"id":${n}}`),
  payload: Buffer.alloc(size, `${n}`),
});

/** Writes letters as pipelines do. */
const write = (...letters: readonly DeadLetter[]): Promise<void> =>
  withLetters(way.config, async ({ kafka, keyring, registry }) => {
    const desk = { keyring, registry, counters: { erased: () => {} } };
    const each = { letterOf: ({ value }: { value: DeadLetter }) => value, ownersOf: () => [] };
    await using sink = await deadLetters<DeadLetter>(kafka, pipeline, desk, each);
    const refusal = new Refusal('no-tenant', 'a letter of a test');
    await sink.write(letters.map((value) => ({ value, refusal })));
  });

/** The letters of the index, once it was brought up: number, state, and where each lies. */
const found = (): Promise<readonly FoundLetter[]> =>
  withLetters(way.config, ({ db }) => findLetters(db, { pipeline }, 100));

const told = (letters: readonly FoundLetter[]) =>
  letters.map(({ id, state, partition, offset }) => [
    Number(`0x${id}`),
    state,
    `${partition}@${offset}`,
  ]);

const sorted = (letters: readonly FoundLetter[]) =>
  told(letters).toSorted(([a], [b]) => Number(a) - Number(b));

/** Writes records that are there once more, as whoever had not heard that they are would. */
async function again(offsets: readonly string[], partition: number): Promise<void> {
  const records = (await readAll(way.stack, [topic])).filter(
    (record) => record.partition === partition && offsets.includes(record.offset),
  );
  const producer = clientOf(way.stack).producer();
  await producer.connect();
  for (const { key, value, headers } of records)
    await producer.send({ topic, messages: [{ key, value, headers, partition }] });
  await producer.disconnect();
}

test('a letter is one row however often it was sent, and lies where it was written last', async () => {
  await write(letter(2), letter(1), letter(4));
  const first = await found();
  expect(sorted(first)).toEqual([
    [1, 'open', '1@0'],
    [2, 'open', '0@0'],
    [4, 'open', '0@1'],
  ]);
  await again(['0'], 0);
  const second = await found();
  expect(sorted(second)).toEqual([
    [1, 'open', '1@0'],
    [2, 'open', '0@2'],
    [4, 'open', '0@1'],
  ]);
  const ages = (letters: readonly FoundLetter[]) =>
    new Map(letters.map(({ id, at }) => [id, at.getTime()]));
  expect(ages(second)).toEqual(ages(first));
});

test('a letter in pieces is there once it is whole, also where its writer died in between', async () => {
  await write(letter(3, 9_000_000)); // 1@1, 1@2, 1@3.
  await again(['1', '2'], 1); // 1@4, 1@5: the index is brought up while it is written once more.
  expect(sorted(await found())).toContainEqual([3, 'open', '1@1']);
  await again(['3'], 1); // 1@6.
  expect(sorted(await found())).toContainEqual([3, 'open', '1@4']);
  await again(['1', '2'], 1); // 1@7, 1@8: its writer dies.
  await write(letter(5));
  expect(sorted(await found())).toContainEqual([5, 'open', '1@9']);
  await again(['1', '2', '3'], 1); // 1@10, 1@11, 1@12.
  const [last] = (await found()).filter(({ chunks }) => chunks === 3);
  expect(last).toMatchObject({ offset: '10', chunks: 3 });
  expect(last!.bytes).toBeGreaterThan(9_000_000);
  const { payload } = letter(3, 9_000_000);
  await withLetters(way.config, async (letters) => {
    const { message, opened } = await openPart(letters, last!);
    expect(message).toBe('table public.users: letter 3');
    expect(opened.state === 'here' && opened.payload.equals(payload)).toBe(true);
  });
});

test('what retention has taken is gone, and what was sent again since is not', async () => {
  const before = sorted(await found());
  await using admin = await adminOf(way.stack);
  await admin.fetchTopicOffsets(topic); // Its metadata is loaded with it.
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] });
  const after = await found();
  expect(sorted(after)).toEqual(
    before.map(([n, state, place]) => [n, n === 4 ? 'gone' : state, place]),
  );
  const gone = after.find(({ state }) => state === 'gone')!;
  await withLetters(way.config, async (letters) => {
    expect(await openPart(letters, gone)).toEqual({ message: null, opened: { state: 'gone' } });
    const open = await findLetters(letters.db, { pipeline, states: ['open'] }, 100);
    expect(open.length).toBe(after.length - 1);
  });
  await write(letter(4));
  expect(sorted(await found())).toContainEqual([4, 'open', '0@3']);
});

test('two that bring the index up at once make the same of it, and what is no letter is told', async () => {
  await write(...Array.from({ length: 40 }, (_, n) => letter(100 + n)));
  const producer = clientOf(way.stack).producer();
  await producer.connect();
  await producer.send({ topic, messages: [{ value: 'no letter', partition: 0 }] });
  await producer.disconnect();
  const both = await Promise.all(
    [1, 2, 3].map(() => withLetters(way.config, async (each) => each)),
  );
  expect(Math.max(...both.map(({ strays }) => strays))).toBe(1);
  const letters = await found();
  expect(letters.length).toBe(5 + 40);
  expect(new Set(letters.map(({ id }) => id)).size).toBe(45);
  expect(await withLetters(way.config, async ({ strays }) => strays)).toBe(0);
});

test('a schema that the registry lacks holds up no other letter, and is asked for again', async () => {
  const producer = clientOf(way.stack).producer();
  await producer.connect();
  const value = Buffer.concat([Buffer.of(0, 0, 0x0f, 0x42, 0x3f), Buffer.from('a letter')]);
  await producer.send({ topic, messages: [{ value, partition: 0 }] });
  await producer.disconnect();
  await write(letter(200));
  for (const _ of [1, 2]) {
    const [all, strays] = await withLetters(way.config, async ({ db, strays: count }) => [
      await findLetters(db, { pipeline, idBegins: [letter(200).id] }, 10),
      count,
    ]);
    expect([all.length, strays]).toEqual([1, 1]);
  }
});

test('of a topic that was made anew under its name the old letters are gone, and the new ones found', async () => {
  await using admin = await adminOf(way.stack);
  await admin.deleteTopics({ topics: [topic] });
  expect(new Set((await found()).map(({ state }) => state))).toEqual(new Set(['gone']));
  await makeTopic();
  await write(letter(2));
  const open = (await found()).filter(({ state }) => state === 'open');
  expect(told(open)).toEqual([[2, 'open', '0@0']]);
});
