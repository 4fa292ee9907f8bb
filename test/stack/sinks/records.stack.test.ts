import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { promisify } from 'node:util';
import { Consumer, Producer } from '@platformatic/kafka';
import { expect, test } from 'vitest';
import { NotNow } from '../../../contracts/cannot-run.ts';
import { rowLimitBytes, topicSettings } from '../../../contracts/topics.ts';
import { kafkaPart } from '../../../ops/stack/kafka-part.ts';
import { ensureTopics } from '../../../pipelines/topic/admin.ts';
import { sendToLeaders } from '../../../sinks/leaders.ts';
import {
  packed,
  type ProducerIdentity,
  type RecordBatch,
  sequenceAfter,
  stamp,
} from '../../../sinks/record-batch.ts';
import type { Records } from '../../../schemas/records.ts';
import { recordsSink } from '../../../sinks/records.ts';
import { type Message, numbered, recordsOf } from '../../sinks/records-of.ts';
import { ownServer } from '../way/own-server.ts';
import { adminOf, readAll } from '../way/records.ts';
import { brokerProxy, type Fate } from './records-proxy.ts';
import { batchOf, freshTopic, kafka, kafkaAt, numbersIn, range, stack } from './records-topic.ts';

const hasKcat = spawnSync('kcat', ['-V']).error === undefined;

/** What a client that counts reads once: each number that is greater than all before it. */
const once = (numbers: readonly number[]) => {
  let last = -1;
  return numbers.filter((number) => number > last && (last = number) === number);
};

test('kafkajs and @platformatic/kafka read exactly what was written, lane by lane in order', async () => {
  await using topic = await freshTopic(3);
  const sent: Message[][] = [[], [], []];
  const write = range(0, 40).map((turn): Records => {
    const lane = turn % 3;
    const messages = range(0, 30 + turn).map((number): Message => ({
      key: number % 3 === 0 ? null : Buffer.from(`${turn}/${number}`),
      value: number % 5 === 0 ? randomBytes(40_000) : Buffer.from(`${turn} `.repeat(number)),
    }));
    sent[lane]!.push(...messages);
    return recordsOf(topic.name, lane, messages);
  });
  expect(write.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeGreaterThan(10_000_000);
  await using sink = recordsSink(kafka, 'cdc');
  await sink.write(write.slice(0, 7));
  await sink.write(write.slice(7));

  const kafkajs = await readAll(stack, [topic.name]);
  const platformatic = await readWithPlatformatic(topic.name, sent.flat().length);
  for (const [lane, messages] of sent.entries())
    for (const read of [kafkajs, platformatic]) {
      const own = read.filter(({ partition }) => partition === lane);
      expect(own.map(({ offset }) => Number(offset))).toEqual(range(0, messages.length));
      const equal = own.every(
        ({ key, value }, index) =>
          value!.equals(messages[index]!.value) &&
          (key ?? Buffer.alloc(0)).equals(messages[index]!.key ?? Buffer.alloc(0)),
      );
      expect(equal).toBe(true);
    }
});

async function readWithPlatformatic(topic: string, count: number) {
  const consumer = new Consumer({ ...kafka, groupId: `test-${randomBytes(6).toString('hex')}` });
  try {
    const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false });
    const read: { partition: number; offset: bigint; key: Buffer | null; value: Buffer | null }[] =
      [];
    for await (const { partition, offset, key, value } of stream) {
      read.push({ partition, offset, key: key ?? null, value: value ?? null });
      if (read.length === count) break;
    }
    return read;
  } finally {
    await consumer.close(true);
  }
}

test.skipIf(!hasKcat)('kcat reads it, too', async () => {
  await using topic = await freshTopic(1);
  await using sink = recordsSink(kafka, 'cdc');
  await sink.write([batchOf(topic.name, 0, 0, 500, 300)]);
  const { stdout } = await promisify(execFile)(
    'kcat',
    ['-C', '-b', stack.kafka.brokers.join(), '-t', topic.name, '-e', '-q', '-f', '%k=%s\\n'],
    { maxBuffer: 1 << 24 },
  );
  const expected = range(0, 500).map((n) => `key ${n}=${String(numbered(n, 300).value)}\n`);
  expect(stdout).toBe(expected.join(''));
});

test('a connection cut in the middle neither loses, nor reorders, nor doubles', async () => {
  await using topic = await freshTopic(3);
  const fates: readonly Fate[] = ['passes', 'cut in half', 'passes', 'answer lost', 'answer lost'];
  await using proxy = await brokerProxy(stack.kafka.brokers[0]!, (n) => fates[n % fates.length]!);
  await using sink = recordsSink(kafkaAt([proxy.broker]), 'cdc');
  for (const turn of range(0, 6))
    await sink.write(
      [turn * 2, turn * 2 + 1].flatMap((part) =>
        range(0, 3).map((lane) => batchOf(topic.name, lane, part * 10, part * 10 + 10, 200)),
      ),
    );
  expect(proxy.requests).toBeGreaterThan(24);
  const all = range(0, 120);
  expect(await numbersIn(topic.name)).toEqual({ 0: all, 1: all, 2: all });
});

test('a broker that is killed and comes back has all in order, and a write that fails says so', async () => {
  await using broker = await ownServer(kafkaPart);
  const own = await broker.start();
  const at = kafkaAt(own.kafka.brokers);
  const topic = 'cdc.killed.public.t';
  await ensureTopics(at, [topicSettings(topic, 2)], 1);
  await using sink = recordsSink(at, 'cdc');
  const failures: unknown[] = [];
  let killed: Promise<void> | undefined;
  for (let part = 0; part < 60;) {
    if (part === 20) killed ??= broker.kill();
    const from = part * 10;
    const batch = [0, 1].map((lane) => batchOf(topic, lane, from, from + 10, 200));
    try {
      await sink.write(batch);
      part++;
    } catch (error) {
      failures.push(error);
      await killed;
      await broker.start();
    }
  }
  expect(failures.length).toBeGreaterThan(0);
  for (const failure of failures) {
    expect(failure).toBeInstanceOf(NotNow);
    expect(String(failure)).toMatch(
      /a batch \(records: 10\) for topic cdc\.killed\.public\.t, partition [01], was not written in 6 tries: .+\n.*where: .*127\.0\.0\.1:\d+\n.*fix: .*must run/,
    );
  }
  const lanes = await numbersIn(topic, own);
  for (const lane of [0, 1]) expect(once(lanes[lane]!)).toEqual(range(0, 600));

  await broker.kill();
  const cut = sink.write([batchOf(topic, 0, 600, 610)]).catch((error: unknown) => error);
  await sink[Symbol.asyncDispose]();
  expect(await cut).toBeInstanceOf(Error);
});

/** The names under which producers of this process are introduced while `act` runs. */
async function introduced(act: () => Promise<void>): Promise<readonly ProducerIdentity[]> {
  const names: ProducerIdentity[] = [];
  const channel = 'tracing:plt:kafka:producer:initIdempotent:asyncStart';
  const learn = (message: unknown) =>
    names.push((message as { readonly result: ProducerIdentity }).result);
  subscribe(channel, learn);
  try {
    await act();
  } finally {
    unsubscribe(channel, learn);
  }
  return names;
}

/** Sends a batch under a name of its own choice, with numbers of its own choice. */
async function sendAs(name: ProducerIdentity, sequence: number, records: Records) {
  await using producer = Object.assign(new Producer({ ...kafka }), {
    [Symbol.asyncDispose]: () => producer.close(true),
  });
  const batch: RecordBatch = await packed(records, Date.now());
  stamp(batch, name, sequence);
  const [outcome] = await sendToLeaders(producer, [batch], 30_000);
  return outcome?.said;
}

test.for([
  ['its numbers', 0],
  ['its name', 1],
] as const)(
  'a broker that has lost track of %s is written to under a new one, each lane once',
  async ([, epochs]) => {
    await using topic = await freshTopic(2);
    await using sink = recordsSink(kafka, 'cdc');
    const both = (from: number, to: number) =>
      sink.write([0, 1].map((lane) => batchOf(topic.name, lane, from, to)));
    const [name] = await introduced(() => both(0, 10));
    const { producerId, producerEpoch } = name!;
    const usurper = { producerId, producerEpoch: producerEpoch + epochs };
    const strangers = batchOf(topic.name, 1, 1_000, 1_005);
    expect(await sendAs(usurper, epochs === 0 ? 10 : 0, strangers)).toBe('NONE');

    const [other] = await introduced(() => both(10, 20));
    expect(other!.producerId).not.toBe(producerId);
    expect(await introduced(() => both(20, 30))).toEqual([]);
    expect(await numbersIn(topic.name)).toEqual({
      0: range(0, 30),
      1: [...range(0, 10), ...range(1_000, 1_005), ...range(10, 30)],
    });
  },
);

test('the numbers of a lane go on from 0 where the broker expects it', async () => {
  await using topic = await freshTopic(1);
  await using producer = Object.assign(new Producer({ ...kafka }), {
    [Symbol.asyncDispose]: () => producer.close(true),
  });
  const name = await producer.initIdempotentProducer({});
  const first = 2 ** 31 - 3;
  expect(await sendAs(name, first, batchOf(topic.name, 0, 0, 5))).toBe('NONE');
  const second = sequenceAfter(first, 5);
  expect(await sendAs(name, second + 1, batchOf(topic.name, 0, 5, 8))).toBe(
    'OUT_OF_ORDER_SEQUENCE_NUMBER',
  );
  expect(await sendAs(name, second, batchOf(topic.name, 0, 5, 8))).toBe('NONE');
  expect(await numbersIn(topic.name)).toEqual({ 0: range(0, 8) });
});

test('a batch that the broker refuses as too large is refused, and the other lane has its own', async () => {
  await using topic = await freshTopic(2, { 'max.message.bytes': '2000' });
  await using sink = recordsSink(kafka, 'cdc');
  // Of a topic just made a broker may not know yet that it leads it: what is told 'again' is not written with the first try.
  await sink.write([batchOf(topic.name, 0, 0, 2), batchOf(topic.name, 1, 0, 2)]);
  const large = recordsOf(topic.name, 1, [{ key: null, value: randomBytes(5_000) }]);
  await expect(sink.write([batchOf(topic.name, 0, 2, 5), large])).rejects.toMatchObject({
    name: 'Refusal',
    reason: 'too-large',
    message: expect.stringMatching(
      `^a batch of 50\\d\\d bytes \\(records: 1\\) is too large for topic ${topic.name}, which refused it as 50\\d\\d compressed \\(MESSAGE_TOO_LARGE\\); raise its max.message.bytes$`,
    ),
  });
  expect(await numbersIn(topic.name)).toEqual({ 0: range(0, 5), 1: range(0, 2) });
  await sink.write([batchOf(topic.name, 0, 5, 10), batchOf(topic.name, 1, 2, 5)]);
  expect(await numbersIn(topic.name)).toEqual({ 0: range(0, 10), 1: range(0, 5) });
});

test('a batch above the limit of a row is refused before anything is sent; one just below it arrives', async () => {
  await using topic = await freshTopic(2);
  await using sink = recordsSink(kafka, 'cdc');
  const row = (bytes: number) =>
    recordsOf(topic.name, 1, [{ key: null, value: randomBytes(bytes) }]);
  await expect(sink.write([batchOf(topic.name, 0, 0, 5), row(rowLimitBytes)])).rejects.toThrow(
    new RegExp(`^a batch of \\d+ bytes .* topic ${topic.name}, which takes ${rowLimitBytes}$`),
  );
  expect(await numbersIn(topic.name)).toEqual({});
  const largest = row(rowLimitBytes - 20);
  expect(largest.bytes.length).toBeGreaterThan(rowLimitBytes - 20);
  await sink.write([batchOf(topic.name, 0, 0, 5), largest, batchOf(topic.name, 1, 0, 5)]);
  const read = await readAll(stack, [topic.name]);
  expect(read.filter(({ partition }) => partition === 1).map(({ offset }) => offset)).toEqual(
    range(0, 6).map(String),
  );
});

test('a topic that is not there is waited for, and named when it does not come', async () => {
  const name = `cdc.test_${randomBytes(6).toString('hex')}.public.t`;
  await using sink = recordsSink(kafka, 'cdc');
  await expect(sink.write([batchOf(name, 0, 0, 5)])).rejects.toThrow(
    new RegExp(`^a batch .* for topic ${name}, partition 0, was not written in 6 tries: .*${name}`),
  );
  const write = sink.write([batchOf(name, 0, 0, 5)]);
  await ensureTopics(kafka, [topicSettings(name, 1)], 1);
  await write;
  expect(await numbersIn(name)).toEqual({ 0: range(0, 5) });
  await using admin = await adminOf(stack);
  await admin.deleteTopics({ topics: [name] });
});
