import type { RecordsBatch } from '@platformatic/kafka';

/** A record as it came from a topic. */
export interface Received {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [Buffer | null, Buffer | null])[];
  readonly retried?: Retried; // It comes again, and `topic` is that which it was refused in.
}

/** The letter that a record comes from, and the topic that it was read from. */
export interface Retried {
  readonly letter: string;
  readonly topic: string;
}

/** A header's text; null if the record has no such header. */
export function header({ headers }: Pick<Received, 'headers'>, name: string): string | null {
  for (const [key, value] of headers)
    if (key?.toString() === name) return value?.toString() ?? null;
  return null;
}

/** A record that tells when it was written, in milliseconds since 1970. */
export interface Dated extends Received {
  readonly at: number;
}

interface From {
  readonly topic: string;
  readonly partition: number;
  readonly next: bigint;
}

const isControl = 0b10_0000;
const isAppendTime = 0b1000; // The broker's own time, of all records of a batch the same.

/** Whether it bears no row: capture tells a lane with it how far the log's time has come. */
export const isHeartbeat = ({ key, value }: Pick<Received, 'key' | 'value'>): boolean =>
  key === null && value === null;

/**
 * The records of a fetch from `next` on, and where the next one begins: brokers answer with whole batches.
 * Heartbeats are passed over, unless they are asked for.
 */
export function arrivals(
  { topic, partition, next }: From,
  batches: readonly RecordsBatch[],
  heartbeats: 'with heartbeats' | 'without heartbeats' = 'without heartbeats',
) {
  const values: Dated[] = [];
  let bytes = 0;
  let end = next;
  for (const batch of batches) {
    const { firstOffset, lastOffsetDelta, attributes, records } = batch;
    const last = firstOffset + BigInt(lastOffsetDelta);
    if (last < next) continue;
    end = last + 1n;
    if ((attributes & isControl) !== 0) continue;
    const isAppended = (attributes & isAppendTime) !== 0;
    const begunAt = Number(isAppended ? batch.maxTimestamp : batch.firstTimestamp);
    for (const record of records) {
      if (heartbeats === 'without heartbeats' && isHeartbeat(record)) continue;
      const { offsetDelta, timestampDelta, key, value, headers } = record;
      const offset = firstOffset + BigInt(offsetDelta);
      if (offset < next) continue;
      bytes += (key?.length ?? 0) + (value?.length ?? 0);
      const at = isAppended ? begunAt : begunAt + Number(timestampDelta);
      values.push({ topic, partition, offset, key, value, headers, at });
    }
  }
  return { values, bytes, next: end };
}
