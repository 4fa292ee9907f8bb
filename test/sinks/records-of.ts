import { createRecord } from '@platformatic/kafka';
import type { Records } from '../../schemas/records.ts';

export interface Message {
  readonly key: Buffer | null;
  readonly value: Buffer;
}

/** Messages in the form that Kafka keeps them in, as a client that is not ours writes them. */
export function recordsOf(topic: string, partition: number, messages: readonly Message[]): Records {
  const written = messages.map(({ key, value }, index) => {
    const message = { topic, key: key as Buffer, value, timestamp: 0n };
    return createRecord(message, index, 0n).buffer;
  });
  return { topic, partition, count: messages.length, bytes: Buffer.concat(written) };
}

/** A record that says which it is. */
export const numbered = (number: number, size = 0): Message => ({
  key: Buffer.from(`key ${number}`),
  value: Buffer.from(`${number}`.padEnd(size, ' abcdefgh')),
});
