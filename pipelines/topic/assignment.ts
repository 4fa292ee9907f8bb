import type { Consumer, FetchOptions, RecordsBatch } from '@platformatic/kafka';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { brokersSaid } from './protocol-error.ts';

type Fetched = Awaited<ReturnType<Consumer['fetch']>>;
export type FetchTopics = FetchOptions<Buffer, Buffer, Buffer, Buffer>['topics'];

/** A partition of ours, for as long as the group stays as it is. */
export interface Lane {
  readonly topic: string;
  readonly partition: number;
  readonly log: string; // Names the lane and the epoch: a lane that comes back is another log.
  next: bigint;
}

interface Offset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly leaderEpoch: number;
}

const earliest = -2n;

/** Which lanes are ours, how far they were read, and how far they are confirmed. */
export class Assignment {
  readonly #consumer: Consumer;
  readonly #topics: readonly string[];
  #lanes = new Map<string, Lane>();
  #confirmed = new Map<string, bigint>();
  #settled = false;
  #epoch = 0;

  constructor(consumer: Consumer, topics: readonly string[]) {
    this.#consumer = consumer;
    this.#topics = topics;
  }

  /** Grows whenever the group is rearranged. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Whether the lanes at hand are ours to read. */
  get settled(): boolean {
    return this.#settled;
  }

  async join(): Promise<void> {
    for (const topic of this.#topics) this.#consumer.topics.track(topic);
    await this.#consumer.joinGroup({});
  }

  /** Gives up all lanes; returns what was given up. */
  lose(): readonly Lane[] {
    const lanes = [...this.#lanes.values()];
    this.#epoch++;
    this.#settled = false;
    this.#lanes = new Map();
    this.#confirmed = new Map();
    return lanes;
  }

  /** Takes up what the group gave us, each lane where it was committed; null if it changed meanwhile. */
  async settle(): Promise<readonly Lane[] | null> {
    const epoch = this.#epoch;
    const assigned = (this.#consumer.assignments ?? []).filter((a) => a.partitions.length > 0);
    const lanes = new Map<string, Lane>();
    const begun = new Map<string, bigint>(); // Where nothing was committed and the oldest is gone.
    if (assigned.length > 0) {
      const committed = await this.#consumer.listCommittedOffsets({ topics: assigned });
      const starts = await this.#consumer.listOffsets({
        topics: assigned.map(({ topic }) => topic),
        timestamp: earliest,
      });
      for (const { topic, partitions } of assigned)
        for (const partition of partitions) {
          const known = committed.get(topic)?.[partition] ?? -1n;
          const next = known >= 0n ? known : (starts.get(topic)?.[partition] ?? 0n);
          const name = `${topic}/${partition}`;
          const log = `${name}@${epoch}`;
          lanes.set(name, { topic, partition, log, next });
          if (known < 0n && next > 0n) begun.set(log, next);
        }
    }
    if (this.#epoch !== epoch) return null;
    this.#lanes = lanes;
    this.#confirmed = begun;
    this.#settled = true;
    return [...lanes.values()];
  }

  /** What to ask each broker for. */
  async requests(partitionMaxBytes: number): Promise<ReadonlyMap<number, FetchTopics>> {
    const metadata = await this.#consumer.metadata({ topics: [...this.#topics] });
    const requests = new Map<number, FetchTopics>();
    for (const { topic, partition, next } of this.#lanes.values()) {
      const about = metadata.topics.get(topic);
      const leader = about?.partitions[partition]?.leader;
      if (!about || leader === undefined) throw new Error(`${topic}/${partition} has no leader`);
      const topics = requests.get(leader) ?? [];
      requests.set(leader, topics);
      let request = topics.find(({ topicId }) => topicId === about.id);
      if (!request) topics.push((request = { topicId: about.id, partitions: [] }));
      request.partitions.push({
        partition,
        currentLeaderEpoch: -1,
        fetchOffset: next,
        lastFetchedEpoch: -1,
        partitionMaxBytes,
      });
    }
    return requests;
  }

  answers(responses: Fetched['responses']) {
    const names = new Map<string, string>();
    for (const topic of this.#topics) {
      const id = this.#consumer.currentMetadata?.topics.get(topic)?.id;
      if (id) names.set(id, topic);
    }
    const answers: { readonly lane: Lane; readonly batches: readonly RecordsBatch[] }[] = [];
    for (const { topicId, partitions } of responses)
      for (const { partitionIndex, records } of partitions) {
        const lane = this.#lanes.get(`${names.get(topicId)}/${partitionIndex}`);
        if (lane && records) answers.push({ lane, batches: records });
      }
    return answers;
  }

  /** Consumers never jump: where Kafka no longer has what is next, someone must decide. */
  explained(error: unknown): unknown {
    if (!brokersSaid(error, 'OFFSET_OUT_OF_RANGE')) return error;
    const lanes = [...this.#lanes.values()].map(
      ({ topic, partition, next }) => `${topic}/${partition} from ${next}`,
    );
    return new CannotRun(
      {
        what: 'Kafka no longer has the offsets that this group is to read next: changes would be skipped',
        where: `group ${this.#consumer.groupId}, one of ${lanes.slice(0, 4).join(', ')}${lanes.length > 4 ? ', …' : ''}`,
        fix: 'rebuild the sink from the source, or set the offsets of the group by hand where the loss is known',
      },
      { cause: error },
    );
  }

  confirm(log: string, at: bigint): void {
    this.#confirmed.set(log, at);
  }

  takeConfirmed(): Offset[] {
    const offsets = [...this.#lanes.values()].flatMap(({ topic, partition, log }) => {
      const offset = this.#confirmed.get(log);
      return offset === undefined ? [] : [{ topic, partition, offset, leaderEpoch: -1 }];
    });
    this.#confirmed.clear();
    return offsets;
  }

  /** Whether all our lanes were read up to `ends`. */
  reached(ends: ReadonlyMap<string, bigint>): boolean {
    for (const [name, { next }] of this.#lanes) if (next < (ends.get(name) ?? 0n)) return false;
    return true;
  }

  /** What the group has committed of all its topics, by `topic/partition`. */
  async committed(): Promise<ReadonlyMap<string, bigint>> {
    const { topics } = await this.#consumer.metadata({ topics: [...this.#topics] });
    const wanted = this.#topics.map((topic) => ({
      topic,
      partitions: [...Array(topics.get(topic)?.partitionsCount ?? 0).keys()],
    }));
    const committed = await this.#consumer.listCommittedOffsets({ topics: wanted });
    const offsets = new Map<string, bigint>();
    for (const [topic, partitions] of committed)
      for (const [partition, offset] of partitions.entries())
        offsets.set(`${topic}/${partition}`, offset);
    return offsets;
  }
}
