import type { RecordsBatch } from '@platformatic/kafka';

/** A record as it came from a topic. */
export interface Received {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [Buffer | null, Buffer | null])[];
}

/** A header's text; null if the record has no such header. */
export function header({ headers }: Pick<Received, 'headers'>, name: string): string | null {
  for (const [key, value] of headers)
    if (key?.toString() === name) return value?.toString() ?? null;
  return null;
}

interface From {
  readonly topic: string;
  readonly partition: number;
  readonly next: bigint;
}

const isControl = 0b10_0000;

/** The records of a fetch from `next` on, and where the next one begins: brokers answer with whole batches. */
export function arrivals({ topic, partition, next }: From, batches: readonly RecordsBatch[]) {
  const values: Received[] = [];
  let bytes = 0;
  let end = next;
  for (const { firstOffset, lastOffsetDelta, attributes, records } of batches) {
    const last = firstOffset + BigInt(lastOffsetDelta);
    if (last < next) continue;
    end = last + 1n;
    if ((attributes & isControl) !== 0) continue;
    for (const { offsetDelta, key, value, headers } of records) {
      const offset = firstOffset + BigInt(offsetDelta);
      if (offset < next) continue;
      bytes += (key?.length ?? 0) + (value?.length ?? 0);
      values.push({ topic, partition, offset, key, value, headers });
    }
  }
  return { values, bytes, next: end };
}
