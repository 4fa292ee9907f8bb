import { Consumer, type BaseOptions } from '@platformatic/kafka';
import { arrivals, type Dated } from './received.ts';

/** Reads lanes of one topic from offset to offset, outside of any group: nothing is committed. */
export class LaneRecords implements AsyncDisposable {
  readonly #topic: string;
  readonly #fetchBytes: number;
  readonly #consumer: Consumer;

  /** `fetchBytes` is what is read at once of a lane, before it is decompressed. */
  constructor(kafka: BaseOptions, topic: string, fetchBytes = 2 * 1024 * 1024) {
    this.#topic = topic;
    this.#fetchBytes = fetchBytes;
    this.#consumer = new Consumer({ ...kafka, groupId: 'conductor-compare', autocommit: false });
    this.#consumer.topics.track(topic);
  }

  /** Where each lane begins, or ends: the offset of the record that comes next. */
  async bounds(which: 'start' | 'end'): Promise<readonly bigint[]> {
    const offsets = await this.#consumer.listOffsets({
      topics: [this.#topic],
      timestamp: which === 'start' ? -2n : -1n,
    });
    return offsets.get(this.#topic) ?? [];
  }

  /** Which topic it is: another of the same name, made later or elsewhere, has another id. */
  async topicId(): Promise<string> {
    const { topics } = await this.#consumer.metadata({ topics: [this.#topic] });
    const id = topics.get(this.#topic)?.id;
    if (id === undefined) throw new Error(`there is no topic ${this.#topic}`);
    return id;
  }

  /** The records of a lane from one offset up to, and without, another. */
  async *read(partition: number, from: bigint, to: bigint): AsyncIterable<readonly Dated[]> {
    const { topics } = await this.#consumer.metadata({ topics: [this.#topic] });
    const { id, partitions } = topics.get(this.#topic) ?? {};
    const node = partitions?.[partition]?.leader;
    if (id === undefined || node === undefined)
      throw new Error(`${this.#topic} has no leader for partition ${partition}`);
    for (let next = from; next < to;) {
      const lane = { topic: this.#topic, partition, next };
      const answer = await this.#consumer.fetch({
        node,
        maxWaitTime: 100,
        topics: [
          { topicId: id, partitions: [{ ...request(lane), partitionMaxBytes: this.#fetchBytes }] },
        ],
      });
      const batches = answer.responses[0]?.partitions[0]?.records ?? [];
      const { values, next: end } = arrivals(lane, batches);
      yield values.filter(({ offset }) => offset < to);
      next = end;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#consumer.close(true);
  }
}

const request = ({ partition, next }: { readonly partition: number; readonly next: bigint }) => ({
  partition,
  currentLeaderEpoch: -1,
  fetchOffset: next,
  lastFetchedEpoch: -1,
});
