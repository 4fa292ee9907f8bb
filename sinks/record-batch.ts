import { compressionsAlgorithms, crc32c, Writer } from '@platformatic/kafka';
import { compressFrame } from 'lz4-napi';
import type { Records } from '../schemas/records.ts';

/** Records as Kafka keeps them (record batch 2, lz4), ready to be sent once they are stamped. */
export interface RecordBatch {
  readonly topic: string;
  readonly partition: number;
  readonly lane: string; // Of both.
  readonly count: number;
  readonly recordBytes: number; // Before compression.
  readonly head: Buffer;
  readonly body: Buffer;
}

/** Whom the brokers take the sender of a batch for. */
export interface ProducerIdentity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

/** The lane of a topic, as keys of maps have it. */
export const laneOf = ({ topic, partition }: Pick<Records, 'topic' | 'partition'>): string =>
  `${topic}/${partition}`;

/** Where the fields of a head are; the two that the broker fills in, first offset and leader epoch, stay 0. */
const at = {
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  firstTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  firstSequence: 53,
  count: 57,
  records: 61,
} as const;

const { bitmask: lz4, compressSync: compress } = compressionsAlgorithms.lz4;

const asideBytes = 64 * 1024; // Fewer are compressed sooner than another thread is told to.

/**
 * Compresses records into a batch of their own, produced at `nowMs`; many of them in another thread, while this one
 * makes the next. Until it resolves the records may not be written over.
 */
export async function packed(records: Records, nowMs: number): Promise<RecordBatch> {
  const { topic, partition, count, bytes } = records;
  const body = bytes.length < asideBytes ? compress(bytes) : await compressFrame(bytes);
  const head = Buffer.alloc(at.records);
  head.writeInt32BE(at.records - at.leaderEpoch + body.length, at.length);
  head.writeInt8(2, at.magic);
  head.writeInt16BE(lz4, at.attributes);
  head.writeInt32BE(count - 1, at.lastOffsetDelta);
  head.writeBigInt64BE(BigInt(nowMs), at.firstTimestamp);
  head.writeBigInt64BE(BigInt(nowMs), at.maxTimestamp);
  head.writeInt32BE(count, at.count);
  return { topic, partition, lane: laneOf(records), count, recordBytes: bytes.length, head, body };
}

/** Says in a batch who sends it and what its first record's number is. May be done again. */
export function stamp(
  { head, body }: RecordBatch,
  { producerId, producerEpoch }: ProducerIdentity,
  firstSequence: number,
): void {
  head.writeBigInt64BE(producerId, at.producerId);
  head.writeInt16BE(producerEpoch, at.producerEpoch);
  head.writeInt32BE(firstSequence, at.firstSequence);
  head.writeUInt32BE(sumOf(head.subarray(at.attributes), body), at.crc);
}

/** Gives the memory of a batch back that nobody sends any more: it is outside of the heap, and waiting for the collector calls it. */
export function release({ body: { buffer, length } }: RecordBatch): void {
  const isItsOwn = buffer instanceof ArrayBuffer && buffer.byteLength === length; // A small one lies among others.
  if (isItsOwn) buffer.transfer(0);
}

/** How many bytes a batch is on the wire and in the log. */
export const sizeOf = ({ head, body }: RecordBatch): number => head.length + body.length;

/** The number of the record that follows `count` records from `sequence` on. */
export const sequenceAfter = (sequence: number, count: number): number =>
  (sequence + count) % 2 ** 31;

const deskBytes = 1024 * 1024;
let desk = Buffer.alloc(0);

/** Both are laid side by side, always in the same place: new memory per batch would keep the collector busy. */
function sumOf(first: Buffer, second: Buffer): number {
  const length = first.length + second.length;
  if (length > deskBytes) return crc32c(Buffer.concat([first, second], length));
  if (desk.length === 0) desk = Buffer.allocUnsafeSlow(deskBytes);
  first.copy(desk, 0);
  second.copy(desk, first.length);
  // In a writer, for a plain buffer would be copied once more.
  return crc32c(Writer.create().append(desk.subarray(0, length)).dynamicBuffer);
}
