import { Consumer, type BaseOptions } from '@platformatic/kafka';
import { arrivals, type Received } from './received.ts';

interface Lane {
  readonly topic: string;
  readonly partition: number;
}

/** A lane that is read without a group: up to where it ended, and from where on next. */
interface Reading extends Lane {
  readonly end: bigint;
  next: bigint;
}

/** The last records of lanes, up to `count` of each: what was written of them most recently. */
export async function tails(
  kafka: BaseOptions,
  lanes: readonly Lane[],
  count: bigint,
): Promise<readonly Received[]> {
  if (lanes.length === 0) return [];
  const consumer = new Consumer({ ...kafka, groupId: 'conductor-tails', autocommit: false });
  try {
    const received: Received[] = [];
    for (const lane of await readings(consumer, lanes, count))
      while (lane.next < lane.end) {
        const values = await fetchNext(consumer, lane, 100);
        received.push(...values.filter(({ offset }) => offset < lane.end));
      }
    return received;
  } finally {
    await consumer.close(true);
  }
}

/** Where lanes end now, and where the last `count` records of each begin. */
export async function readings(
  consumer: Consumer,
  lanes: readonly Lane[],
  count: bigint,
): Promise<readonly Reading[]> {
  const topics = [...new Set(lanes.map(({ topic }) => topic))];
  for (const topic of topics) consumer.topics.track(topic);
  const starts = await consumer.listOffsets({ topics, timestamp: -2n });
  const ends = await consumer.listOffsets({ topics, timestamp: -1n });
  return lanes.map(({ topic, partition }): Reading => {
    const start = starts.get(topic)?.[partition] ?? 0n;
    const end = ends.get(topic)?.[partition] ?? 0n;
    return { topic, partition, end, next: end - count > start ? end - count : start };
  });
}

/** Fetches what comes next in a lane, and moves on; waits so long if there is nothing yet. */
export async function fetchNext(
  consumer: Consumer,
  lane: Reading,
  maxWaitTime: number,
): Promise<readonly Received[]> {
  const metadata = await consumer.metadata({ topics: [lane.topic] });
  const { id, partitions } = metadata.topics.get(lane.topic) ?? {};
  const node = partitions?.[lane.partition]?.leader;
  if (id === undefined || node === undefined) throw new Error(`${lane.topic} has no leader`);
  const answer = await consumer.fetch({
    node,
    maxWaitTime,
    topics: [{ topicId: id, partitions: [request(lane)] }],
  });
  const batches = answer.responses[0]?.partitions[0]?.records ?? [];
  const { values, next } = arrivals(lane, batches);
  lane.next = next;
  return values;
}

const request = ({ partition, next }: Reading) => ({
  partition,
  currentLeaderEpoch: -1,
  fetchOffset: next,
  lastFetchedEpoch: -1,
  partitionMaxBytes: 1024 * 1024,
});
