import { jsCRC32C, produceV9, Reader, readRecordsBatch, Writer } from '@platformatic/kafka';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  packed,
  type RecordBatch,
  release,
  sequenceAfter,
  sizeOf,
  stamp,
} from '../../sinks/record-batch.ts';
import { produceRequest } from '../../sinks/produce-protocol.ts';
import { numbered, recordsOf } from './records-of.ts';

const identity = { producerId: 0x0102_0304_0506_0708n, producerEpoch: 9 };
const bytesOf = ({ head, body }: RecordBatch) => Buffer.concat([head, body]);

/** Words that do not compress. */
function noise(words: number): Buffer {
  const out = Writer.create();
  for (let word = 1; word < words; word++) out.appendInt32(Math.imul(word, 0x9e37_79b1));
  return out.buffer;
}

const bytes = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const messages = fc.array(fc.record({ key: fc.option(bytes(40)), value: bytes(3_000) }), {
  minLength: 1,
  maxLength: 40,
});
const sequences = fc.integer({ min: 0, max: 2 ** 31 - 1 });

test('a client that is not ours reads back what was packed, whatever it is', async () => {
  await fc.assert(
    fc.asyncProperty(messages, sequences, fc.nat(), async (sent, sequence, nowMs) => {
      const batch = await packed(recordsOf('t', 3, sent), nowMs);
      stamp(batch, identity, sequence);
      const read = readRecordsBatch(Reader.from(bytesOf(batch)));
      expect(read).toMatchObject({
        firstOffset: 0n,
        length: sizeOf(batch) - 12,
        magic: 2,
        attributes: 3,
        lastOffsetDelta: sent.length - 1,
        firstTimestamp: BigInt(nowMs),
        maxTimestamp: BigInt(nowMs),
        ...identity,
        firstSequence: sequence,
      });
      expect(read.crc).toBe(jsCRC32C(bytesOf(batch).subarray(21)));
      expect(read.records.map(({ key, value }) => ({ key, value }))).toEqual(sent);
      expect(read.records.map(({ offsetDelta }) => offsetDelta)).toEqual(sent.map((_, i) => i));
    }),
    { numRuns: 60 },
  );
});

test('a batch and the request around it are byte for byte those of a client that is not ours', async () => {
  const sent = Array.from({ length: 50 }, (_, number) => numbered(number, 200));
  const nowMs = 1_795_237_200_123;
  const lanes = [0, 7];
  const ours = await Promise.all(
    lanes.map((partition) => packed(recordsOf('topic', partition, sent), nowMs)),
  );
  for (const batch of ours) stamp(batch, identity, 0);
  const theirs = produceV9.createRequest(
    -1,
    30_000,
    lanes.flatMap((partition) =>
      sent.map(({ key, value }) => ({
        topic: 'topic',
        partition,
        key: key!,
        value,
        headers: new Map(),
        timestamp: BigInt(nowMs),
      })),
    ),
    { compression: 'lz4', ...identity },
  );
  expect(produceRequest(ours, 30_000).buffer.equals(theirs.buffer)).toBe(true);
});

test('a head is, field by field, what the protocol says', async () => {
  const batch = await packed(recordsOf('t', 0, [numbered(1), numbered(2)]), 0x0123_4567_89ab);
  stamp(batch, identity, 0x1122_3344);
  const fields = [
    '0000000000000000', // First offset.
    '0000005a', // What follows: 49 bytes of the head, 41 of records.
    '00000000', // Leader epoch.
    '02', // Magic.
    '8bf53725', // Checksum.
    '0003', // Attributes: lz4.
    '00000001', // Last offset delta.
    '00000123456789ab', // First timestamp.
    '00000123456789ab', // Last timestamp.
    '0102030405060708', // Producer.
    '0009', // Its epoch.
    '11223344', // First sequence.
    '00000002', // Records.
  ];
  expect(batch.head.toString('hex')).toBe(fields.join(''));
});

test('a batch that is sent under another name has a checksum of its own', async () => {
  const batch = await packed(recordsOf('t', 0, [numbered(1)]), 1);
  stamp(batch, identity, 5);
  const first = bytesOf(batch);
  stamp(batch, { producerId: 1n, producerEpoch: 0 }, 0);
  expect(readRecordsBatch(Reader.from(bytesOf(batch)))).toMatchObject({
    producerId: 1n,
    firstSequence: 0,
    crc: jsCRC32C(bytesOf(batch).subarray(21)),
  });
  stamp(batch, identity, 5);
  expect(bytesOf(batch).equals(first)).toBe(true);
});

test('a released batch gives its memory back at once, and none that is of others', async () => {
  const large = await packed(recordsOf('t', 0, [{ key: null, value: noise(10_000) }]), 1);
  release(large);
  expect(large.body.length).toBe(0);

  const small = await Promise.all(
    [1, 2].map((number) => packed(recordsOf('t', 0, [numbered(number)]), 1)),
  );
  const before = small.map(bytesOf);
  small.forEach(release);
  expect(small.map(bytesOf)).toEqual(before);
});

test('a batch larger than the desk has the right checksum, too', async () => {
  const batch = await packed(recordsOf('t', 0, [{ key: null, value: noise(400_000) }]), 1);
  stamp(batch, identity, 0);
  expect(sizeOf(batch)).toBeGreaterThan(1024 * 1024);
  const { crc } = readRecordsBatch(Reader.from(bytesOf(batch)));
  expect(crc).toBe(jsCRC32C(bytesOf(batch).subarray(21)));
});

test('after the last number comes 0', () => {
  const last = 2 ** 31 - 1;
  expect(sequenceAfter(0, 3)).toBe(3);
  expect(sequenceAfter(last - 2, 2)).toBe(last);
  expect(sequenceAfter(last - 2, 3)).toBe(0);
  expect(sequenceAfter(last, 5)).toBe(4);
});
