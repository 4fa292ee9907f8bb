import { parseArgs } from 'node:util';
import { endsOf, ensureTopics } from '../../../pipelines/topic/admin.ts';
import { into } from '../../../pipelines/flow/into.ts';
import { pull } from '../../../pipelines/flow/stage.ts';
import type { Received } from '../../../pipelines/topic/received.ts';
import { TopicSource } from '../../../pipelines/topic/source.ts';
import { topicSink } from '../../../sinks/topic.ts';

/**
 * Carries the records of a topic to another one as they are, over the ends that govern has, and ends where
 * the topic ended. What govern could do at most, did it do nothing to a change.
 */
const { values: flags } = parseArgs({
  options: {
    broker: { type: 'string', default: '' },
    from: { type: 'string', default: '' },
    to: { type: 'string', default: '' },
    partitions: { type: 'string', default: '1' },
  },
});
const kafka = { clientId: 'bench-pass', bootstrapBrokers: [flags.broker] };
await ensureTopics(
  kafka,
  [{ name: flags.to, partitions: Number(flags.partitions), configs: {} }],
  1,
);
await using source = new TopicSource({
  kafka,
  group: flags.to,
  topics: [flags.from],
  until: await endsOf(kafka, [flags.from]),
  prepare: () => Promise.resolve(),
  assigned: () => Promise.resolve(),
  lost: () => {},
});
const copy = ({ partition, key, value }: Received) => ({
  topic: flags.to,
  partition,
  key,
  value: value ?? Buffer.alloc(0),
  headers: {},
});
await using sink = topicSink(kafka, 'pass', copy, 10 * 1024 * 1024);
const pulling = {
  room: { values: 10_000, bytes: 12 * 1024 * 1024 },
  signal: new AbortController().signal,
};
const unexpected = { next: () => process.exit(1) };
await pull(source, pulling)
  .pipe(into(sink, { size: 4_096, lingerMs: 0 }, unexpected))
  .forEach(() => {});
