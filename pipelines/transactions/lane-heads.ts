import { type ChangeHead, HeadReader } from '../../schemas/change-head.ts';
import type { LanePlace } from '../topic/all-lanes.ts';
import { isHeartbeat, type Received } from '../topic/received.ts';

/** A record that was read and not taken yet. */
export interface Waiting {
  readonly record: Received;
  readonly head: ChangeHead | null; // Null for what is no change of ours.
}

/** One lane: what was fetched of it last, as far as it was not taken yet. */
export class LaneHeads implements LanePlace {
  readonly topic: string;
  readonly partition: number;
  readonly #heads = new HeadReader();
  #waiting: readonly Waiting[] = [];
  #first = 0;
  #next: bigint;

  constructor({ topic, partition, next }: LanePlace) {
    this.topic = topic;
    this.partition = partition;
    this.#next = next;
  }

  get next(): bigint {
    return this.#next;
  }

  /** The record that is to be taken next; undefined if one must be fetched first. */
  get first(): Waiting | undefined {
    return this.#waiting[this.#first];
  }

  /** All before this offset was taken. */
  get taken(): bigint {
    return this.first?.record.offset ?? this.#next;
  }

  /** Takes what was fetched, once all before it was taken. */
  fill(records: readonly Received[], next: bigint): void {
    this.#waiting = records
      .filter((record) => !isHeartbeat(record))
      .map((record) => ({ record, head: record.value && this.#heads.read(record.value) }));
    this.#first = 0;
    this.#next = next;
  }

  shift(): void {
    this.#first++;
  }
}
