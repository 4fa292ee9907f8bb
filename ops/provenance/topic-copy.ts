import { CannotRun } from '../../contracts/cannot-run.ts';
import { checkpointKey } from '../../pipelines/prove/evidence-log.ts';
import { lanesInOrder } from '../../pipelines/prove/lanes-in-order.ts';
import { lookAtTopics } from '../../pipelines/topic/admin.ts';
import type { KafkaOptions } from '../../pipelines/topic/kafka.ts';
import { LaneRecords } from '../../pipelines/topic/lane-records.ts';
import { header } from '../../pipelines/topic/received.ts';
import { Bytes } from '../../schemas/bytes.ts';
import { segmentStart, writeProved } from '../../schemas/segment-bytes.ts';
import type { Manifest } from '../../schemas/stream-manifest.ts';
import type { LogCopy, Written } from './log-copy.ts';

/** The log and its streams in Kafka. Needs the topics, and nothing else. */
export async function topicCopy(kafka: KafkaOptions, topic: string): Promise<LogCopy> {
  const { topics } = await lookAtTopics(kafka, [topic]);
  if (!topics.has(topic))
    throw new CannotRun({
      what: `there is no topic ${topic}: nothing was proved yet`,
      where: 'provenance.topic',
      fix: 'start conductor run prove, or name the topic of the log',
    });
  const readers = new Map<string, LaneRecords>();
  const readerOf = (name: string): LaneRecords => {
    let reader = readers.get(name);
    if (!reader) readers.set(name, (reader = new LaneRecords(kafka, name)));
    return reader;
  };
  const there = new Map<string, Promise<boolean>>();
  const isThere = (name: string): Promise<boolean> => {
    const known =
      there.get(name) ?? lookAtTopics(kafka, [name]).then((found) => found.topics.has(name));
    there.set(name, known);
    return known;
  };
  const bytes = new Bytes(1024 * 1024);
  return {
    written: writtenIn(kafka, topic),
    leafHashes: [],
    segments: [],
    segment: async (manifest) =>
      (await isThere(manifest.topic))
        ? segmentIn(readerOf(manifest.topic), manifest, bytes)
        : 'gone',
    async unproved({ topic: of, offsets }) {
      if (!(await isThere(of))) return 0;
      const ends = await readerOf(of).bounds('end');
      const beyond = ends.map((end, lane) => Number(end) - (offsets.get(lane) ?? 0));
      return beyond.reduce((sum, count) => sum + Math.max(0, count), 0);
    },
    async [Symbol.asyncDispose]() {
      for (const reader of readers.values()) await reader[Symbol.asyncDispose]();
    },
  };
}

async function* writtenIn(kafka: KafkaOptions, topic: string): AsyncIterable<Written> {
  await using log = new LaneRecords(kafka, topic);
  const [start = 0n] = await log.bounds('start');
  const [end = 0n] = await log.bounds('end');
  for await (const batch of log.read(0, start, end))
    for (const record of batch) {
      if (!record.value) continue;
      const index = header(record, 'index');
      if (record.key?.toString() === checkpointKey)
        yield { kind: 'checkpoint', text: record.value.toString() };
      else if (index !== null && /^(?:0|[1-9]\d{0,14})$/.test(index))
        yield { kind: 'claim', index: Number(index), entry: record.value };
    }
}

async function segmentIn(
  reader: LaneRecords,
  manifest: Manifest,
  bytes: Bytes,
): Promise<Buffer | 'gone'> {
  const starts = await reader.bounds('start');
  const ends = await reader.bounds('end');
  const ranges = new Map<number, readonly [number, number]>();
  for (const [lane, [from, to]] of Object.entries(manifest.offsets)) {
    if (from < Number(starts[Number(lane)] ?? 0n) && from < to) return 'gone';
    const end = Math.min(to, Number(ends[Number(lane)] ?? 0n));
    ranges.set(Number(lane), [from, Math.max(from, end)]);
  }
  bytes.clear();
  bytes.copy(segmentStart, 0, segmentStart.length);
  const prepare = async () => {};
  const ordered = { ranges, floor: manifest.from, limit: null, prepare };
  for await (const placed of lanesInOrder(reader, ordered))
    for (const { record } of placed) writeProved(record, bytes);
  return bytes.view();
}
