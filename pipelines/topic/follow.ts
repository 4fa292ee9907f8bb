import { setTimeout as wait } from 'node:timers/promises';
import { type BaseOptions, Consumer } from '@platformatic/kafka';
import type { Received } from './received.ts';
import { fetchNext, readings } from './tail.ts';

/** What is done with the records of a topic that is followed. */
export interface Follower {
  take(records: readonly Received[]): void;
  /** Told once whenever the topic cannot be read; it is tried again. */
  lost(error: unknown): void;
}

const waitMs = 500;
const againMs = 1_000;
const everything = 1n << 62n;

/**
 * Reads a topic of one lane from its beginning, without a group: everybody who follows has all of it. Resolves
 * once what was there is taken, and goes on until it is disposed of.
 */
export async function followTopic(
  kafka: BaseOptions,
  topic: string,
  follower: Follower,
): Promise<AsyncDisposable> {
  const open = () => new Consumer({ ...kafka, groupId: 'conductor-follow', autocommit: false });
  const stop = new AbortController();
  let consumer = open();
  let lane;
  try {
    [lane] = await readings(consumer, [{ topic, partition: 0 }], everything);
    while (lane && lane.next < lane.end) follower.take(await fetchNext(consumer, lane, waitMs));
  } catch (error) {
    await consumer.close(true);
    throw error;
  }

  const goOn = async () => {
    while (lane && !stop.signal.aborted)
      try {
        const records = await fetchNext(consumer, lane, waitMs);
        if (records.length > 0 && !stop.signal.aborted) follower.take(records);
      } catch (error) {
        if (stop.signal.aborted) break;
        follower.lost(error);
        await consumer.close(true).catch(() => {}); // It may have been what was lost.
        await wait(againMs, undefined, { signal: stop.signal }).catch(() => {});
        if (!stop.signal.aborted) consumer = open();
      }
  };
  const going = goOn();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await consumer.close(true).catch(() => {}); // Else a broker that is gone would be waited for.
      await going;
    },
  };
}
