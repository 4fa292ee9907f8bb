import { Reader, readRecord } from '@platformatic/kafka';
import { expect } from 'vitest';
import type { Captured } from '../../../processors/transcode/output.ts';
import type { Records } from '../../../schemas/records.ts';

/** One record of a lane, as a reader of its topic has it. */
export interface Carried {
  readonly topic: string;
  readonly lane: number;
  readonly key: string | null;
  readonly value: Buffer;
}

/** Reads records back, by a client that is not ours: the bytes must end where their last record does. */
export function carriedIn({ topic, partition, count, bytes }: Records): readonly Carried[] {
  const reader = Reader.from(bytes);
  const carried = Array.from({ length: count }, (_, index): Carried => {
    const { key, value, ...rest } = readRecord(reader) as Read;
    expect(rest).toMatchObject({
      attributes: 0,
      timestampDelta: 0n,
      offsetDelta: index,
      headers: [],
    });
    return { topic, lane: partition, key: key && key.toString(), value };
  });
  expect(reader.remaining).toBe(0);
  return carried;
}

interface Read {
  readonly length: number;
  readonly key: Buffer | null;
  readonly value: Buffer;
}

export const isRecords = (value: Captured): value is Records => 'bytes' in value;
