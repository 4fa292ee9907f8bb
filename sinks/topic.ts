import { Producer, type BaseOptions, type MessageToProduce } from '@platformatic/kafka';
import type { Sink } from '../pipelines/flow/sink.ts';
import { Refusal } from '../schemas/refusal.ts';

/** What goes to a topic. The lane is chosen by who sends: a key keeps its lane from topic to topic. */
export interface Outgoing {
  readonly topic: string;
  readonly partition: number;
  readonly key: Buffer | null;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly producedAtMs?: number; // What Kafka is to keep as its time; that at which it is sent if nothing is said.
}

const requestBytes = 4 * 1024 * 1024;

/**
 * Writes to topics, durable on all replicas. One request is under way at a time, so that what is
 * written of a lane is always a prefix of what was to be written.
 */
export function topicSink<T>(
  kafka: BaseOptions,
  name: string,
  encode: (value: T) => Outgoing | readonly Outgoing[],
  limitBytes: number,
): Sink<T> {
  const producer = new Producer({
    ...kafka,
    idempotent: true,
    acks: -1,
    compression: 'lz4',
    repeatOnStaleMetadata: true,
  });

  return {
    name,
    async write(batch) {
      let messages: MessageToProduce[] = [];
      let bytes = 0;
      const filled = new Map<string, number>(); // Bytes by lane: a lane's part of a request is one batch to the broker.
      const flush = async () => {
        if (messages.length > 0) await producer.send({ messages });
        messages = [];
        bytes = 0;
        filled.clear();
      };
      const outgoing = batch.flatMap(encode).map((message) => checked(message, limitBytes));
      for (const message of outgoing) {
        const size = sizeOf(message);
        const lane = `${message.topic}/${message.partition}`;
        const inLane = filled.get(lane) ?? 0;
        if (inLane + size > limitBytes || bytes + size > requestBytes) await flush();
        filled.set(lane, (filled.get(lane) ?? 0) + size);
        bytes += size;
        messages.push(toMessage(message));
      }
      await flush();
    },
    [Symbol.asyncDispose]: () => producer.close(true),
  };
}

/** With room for what Kafka adds to each record. */
function sizeOf({ key, value, headers }: Outgoing): number {
  let size = (key?.length ?? 0) + value.length + 100;
  for (const name in headers) size += name.length + (headers[name]?.length ?? 0) * 3 + 4;
  return size;
}

function checked(message: Outgoing, limitBytes: number): Outgoing {
  const size = sizeOf(message);
  if (size <= limitBytes) return message;
  throw new Refusal(
    'too-large',
    `a record of ${size} bytes is too large for topic ${message.topic}, which takes ${limitBytes}`,
  );
}

function toMessage(outgoing: Outgoing): MessageToProduce {
  const { topic, partition, key, value, headers, producedAtMs } = outgoing;
  const entries = new Map<Buffer, Buffer>();
  for (const [name, text] of Object.entries(headers))
    entries.set(nameBytes(name), Buffer.from(text));
  const timestamp = producedAtMs === undefined ? {} : { timestamp: BigInt(producedAtMs) };
  return { topic, partition, value, headers: entries, ...timestamp, ...(key ? { key } : {}) };
}

const names = new Map<string, Buffer>();

function nameBytes(name: string): Buffer {
  let bytes = names.get(name);
  if (!bytes) names.set(name, (bytes = Buffer.from(name)));
  return bytes;
}
