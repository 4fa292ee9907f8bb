import { Consumer, type BaseOptions } from '@platformatic/kafka';
import type { Delivery, LogPosition, Reading, Source } from '../flow/source.ts';
import { Assignment, type FetchTopics, type Lane } from './assignment.ts';
import { byLane } from './by-lane.ts';
import { type NamedMember, namedMember } from './named-member.ts';
import { arrivals, type Received } from './received.ts';

export interface TopicSettings {
  readonly kafka: BaseOptions;
  readonly group: string;
  /** The name of this member: its place is kept while it is away for a moment. Left out, the lanes are handed over at once. */
  readonly member?: string | undefined;
  readonly topics: readonly string[];
  readonly until: ReadonlyMap<string, bigint> | null; // Where to end, by `topic/partition`; null goes on for ever.
  /** Called before a batch is handed on, for what its processing needs and has to wait for. */
  readonly prepare: (batch: readonly Received[]) => Promise<void>;
  /** Called when lanes are taken up, before anything of them is read, and when they are lost. */
  readonly assigned: (lanes: readonly Lane[]) => Promise<void>;
  readonly lost: (lanes: readonly Lane[]) => void;
}

const fetchBytes = 1024 * 1024; // Compressed: some times as much when it is read.
const partitionBytes = 256 * 1024;
const fetchWaitMs = 250;
const commitEveryMs = 250;

/**
 * Reads topics as a member of a consumer group, from what the group has committed. It never jumps: an
 * offset that is gone is an error. When the group is rearranged, all that is in flight is forgotten.
 */
export class TopicSource implements Source<Received> {
  readonly #settings: TopicSettings;
  readonly #consumer: Consumer;
  readonly #assignment: Assignment;
  readonly #member: NamedMember | null;
  #committing = Promise.resolve();
  #revoked: (log: string) => void = () => {};
  #failure: Error | null = null;

  constructor(settings: TopicSettings) {
    this.#settings = settings;
    this.#consumer = new Consumer({
      ...settings.kafka,
      groupId: settings.group,
      ...(settings.member === undefined ? {} : { groupInstanceId: settings.member }),
      sessionTimeout: 10_000,
      rebalanceTimeout: 15_000,
      heartbeatInterval: 2_000,
      minBytes: 1,
      maxBytes: fetchBytes,
      maxWaitTime: fetchWaitMs,
      autocommit: false,
      partitionAssigner: byLane,
    });
    this.#assignment = new Assignment(this.#consumer, settings.topics);
    const fail = (error: unknown) => {
      this.#failure ??= error instanceof Error ? error : new Error(String(error));
    };
    const stalled = () =>
      fail(new Error(`group ${settings.group}: the coordinator has not answered heartbeats`));
    this.#member =
      settings.member === undefined ? null : namedMember(this.#consumer, settings.member, fail);
    this.#consumer.on('error', fail);
    this.#consumer.on('consumer:heartbeat:stalled', stalled);
    this.#consumer.on('consumer:group:rebalance', () => this.#lose());
    this.#consumer.on('consumer:group:join', () => this.#lose());
  }

  async *read({ signal, revoked, quiet }: Reading): AsyncIterable<Delivery<Received>> {
    this.#revoked = revoked;
    await this.#assignment.join();
    const ticking = setInterval(() => void this.#commit(), commitEveryMs);
    try {
      while (!signal.aborted) {
        if (this.#failure) throw this.#failure;
        if (!this.#assignment.settled) {
          await quiet(); // What was written last must be there to be read by who takes the lanes up.
          const lanes = await this.#assignment.settle();
          if (lanes) await this.#settings.assigned(lanes);
          continue;
        }
        yield* this.#fetch(signal);
        if (this.#settings.until && (await this.#drained(this.#settings.until))) return;
      }
    } finally {
      clearInterval(ticking);
    }
  }

  confirm({ log, at }: LogPosition): void {
    this.#assignment.confirm(log, at);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#commit();
    await this.#member?.rest();
    await this.#consumer.close(true);
  }

  /** One round over all brokers that lead a lane of ours. */
  async *#fetch(signal: AbortSignal): AsyncIterable<Delivery<Received>> {
    const { epoch } = this.#assignment;
    const requests = await this.#assignment.requests(partitionBytes);
    const answers = await Promise.all(
      [...requests].map(([node, topics]) => this.#fetchFrom(node, topics)),
    );
    for (const { lane, batches } of answers.flat()) {
      if (signal.aborted || this.#assignment.epoch !== epoch) return;
      const { values, bytes, next } = arrivals(lane, batches);
      if (next === lane.next) continue;
      if (values.length > 0) await this.#settings.prepare(values);
      if (this.#assignment.epoch !== epoch) return;
      lane.next = next;
      yield { position: { log: lane.log, at: next }, values, bytes };
    }
  }

  async #fetchFrom(node: number, topics: FetchTopics) {
    try {
      const { responses } = await this.#consumer.fetch({ node, topics });
      return this.#assignment.answers(responses);
    } catch (error) {
      throw this.#assignment.explained(error);
    }
  }

  /** Whether the group, whoever its members are, has confirmed all up to `until`. */
  async #drained(until: ReadonlyMap<string, bigint>): Promise<boolean> {
    if (!this.#assignment.reached(until)) return false;
    await this.#commit();
    const committed = await this.#assignment.committed();
    return [...until].every(([lane, end]) => end === 0n || (committed.get(lane) ?? 0n) >= end);
  }

  #lose(): void {
    const lanes = this.#assignment.lose();
    for (const { log } of lanes) this.#revoked(log);
    if (lanes.length > 0) this.#settings.lost(lanes);
  }

  #commit(): Promise<void> {
    this.#committing = this.#committing.then(async () => {
      const offsets = this.#assignment.takeConfirmed();
      if (offsets.length === 0) return;
      const { epoch } = this.#assignment;
      try {
        await this.#consumer.commit({ offsets });
      } catch (error) {
        // A commit that crosses a rebalance is redone by whoever owns the lane now.
        if (this.#assignment.epoch === epoch)
          this.#failure ??= error instanceof Error ? error : new Error(String(error));
      }
    });
    return this.#committing;
  }
}
