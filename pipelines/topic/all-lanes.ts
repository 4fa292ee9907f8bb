import { type BaseOptions, Consumer } from '@platformatic/kafka';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { brokersSaid } from './protocol-error.ts';
import { arrivals, type Received } from './received.ts';

/** A lane, and the offset of the record that is to be read next. */
export interface LanePlace {
  readonly topic: string;
  readonly partition: number;
  readonly next: bigint;
}

/** What was fetched of a lane, heartbeats and all, and where the next record begins. */
export interface Fetched<Lane extends LanePlace> {
  readonly lane: Lane;
  readonly values: readonly Received[];
  readonly next: bigint;
}

const fetchBytes = 1024 * 1024; // Compressed: some times as much when it is read.
const partitionBytes = 64 * 1024;
const fetchWaitMs = 250;

/** Reads lanes of several topics from where the reader says, outside of any group: nothing is committed. */
export class AllLanes implements AsyncDisposable {
  readonly #topics: readonly string[];
  readonly #consumer: Consumer;
  readonly #fixWhenGone: string;

  constructor(kafka: BaseOptions, topics: readonly string[], fixWhenGone = anotherName) {
    this.#topics = topics;
    this.#fixWhenGone = fixWhenGone;
    this.#consumer = new Consumer({ ...kafka, groupId: 'conductor-windows', autocommit: false });
    for (const topic of topics) this.#consumer.topics.track(topic);
  }

  /** Which topics they are: another of the same name, made later or elsewhere, has another id. */
  async topicIds(): Promise<readonly string[]> {
    const { topics } = await this.#consumer.metadata({ topics: [...this.#topics] });
    return this.#topics.map((name) => {
      const id = topics.get(name)?.id;
      if (id === undefined) throw new Error(`there is no topic ${name}`);
      return id;
    });
  }

  /** Every lane there is, at its oldest record. */
  async starts(): Promise<readonly LanePlace[]> {
    const starts = await this.#consumer.listOffsets({ topics: [...this.#topics], timestamp: -2n });
    return this.#topics.flatMap((topic) =>
      (starts.get(topic) ?? []).map((next, partition) => ({ topic, partition, next })),
    );
  }

  /** Where each lane ends now, by `topic/partition`. */
  async ends(): Promise<ReadonlyMap<string, bigint>> {
    const ends = await this.#consumer.listOffsets({ topics: [...this.#topics] });
    return new Map(
      [...ends].flatMap(([topic, lanes]) =>
        lanes.map((end, partition) => [`${topic}/${partition}`, end] as const),
      ),
    );
  }

  /** One round over all brokers that lead one of these lanes. It never jumps: an offset that is gone is an error. */
  async fetch<Lane extends LanePlace>(lanes: readonly Lane[]): Promise<readonly Fetched<Lane>[]> {
    const { topics } = await this.#consumer.metadata({ topics: [...this.#topics] });
    const leaderOf = ({ topic, partition }: Lane) => {
      const leader = topics.get(topic)?.partitions[partition]?.leader;
      if (leader === undefined) throw new Error(`${topic}/${partition} has no leader`);
      return leader;
    };
    const names = new Map([...topics].map(([name, { id }]) => [id, name]));
    const found = new Map(lanes.map((lane) => [`${lane.topic}/${lane.partition}`, lane]));
    const answers = await Promise.all(
      [...Map.groupBy(lanes, leaderOf)].map(([node, own]) =>
        this.#fetchFrom(node, own, (topic) => topics.get(topic)?.id ?? ''),
      ),
    );
    return answers.flat().flatMap(({ topicId, partitions }) =>
      partitions.flatMap(({ partitionIndex, records }) => {
        const lane = found.get(`${names.get(topicId)}/${partitionIndex}`);
        if (!lane || !records) return [];
        return [{ lane, ...arrivals(lane, records, 'with heartbeats') }];
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#consumer.close(true);
  }

  async #fetchFrom<Lane extends LanePlace>(
    node: number,
    lanes: readonly Lane[],
    idOf: (topic: string) => string,
  ) {
    try {
      const { responses } = await this.#consumer.fetch({
        node,
        minBytes: 1,
        maxBytes: fetchBytes,
        maxWaitTime: fetchWaitMs,
        topics: [...Map.groupBy(lanes, ({ topic }) => topic)].map(([topic, own]) => ({
          topicId: idOf(topic),
          partitions: own.map(({ partition, next }) => ({
            partition,
            currentLeaderEpoch: -1,
            fetchOffset: next,
            lastFetchedEpoch: -1,
            partitionMaxBytes: partitionBytes,
          })),
        })),
      });
      return responses;
    } catch (error) {
      throw brokersSaid(error, 'OFFSET_OUT_OF_RANGE')
        ? gone(lanes, this.#fixWhenGone, error)
        : error;
    }
  }
}

const anotherName =
  'give the dataset another name in its contract, so that it begins anew, where the loss is known';

const gone = (lanes: readonly LanePlace[], fix: string, cause: unknown): CannotRun =>
  new CannotRun(
    {
      what: 'Kafka no longer has the offsets that are to be read next: changes would be skipped',
      where: lanes
        .slice(0, 4)
        .map(({ topic, partition, next }) => `${topic}/${partition} from ${next}`)
        .join(', '),
      fix,
    },
    { cause },
  );
