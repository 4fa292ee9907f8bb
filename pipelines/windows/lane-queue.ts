import type { Registry } from '../../contracts/registry.ts';
import { Dedupe, type Marks } from '../../processors/dedupe.ts';
import { beginsLikeAChange, type ChangeHead, HeadReader } from '../../schemas/change-head.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { schemaIdOf } from '../../schemas/wire.ts';
import type { Refused } from '../flow/stage.ts';
import type { LanePlace } from '../topic/all-lanes.ts';
import { header, isHeartbeat, type Received } from '../topic/received.ts';
import type { WindowRow } from './closed-window.ts';

/** Where a lane stands once a window is closed: what is read again begins here. */
export interface LaneMark extends LanePlace {
  readonly watermark: number; // The log's time up to there, in microseconds.
  readonly marks: Marks;
}

interface Waiting {
  readonly record: Received;
  readonly head: ChangeHead | null; // Null for what is no change of ours.
  readonly watermark: number;
}

/**
 * One lane's records between the last closed window and what was read. The time of a record is the greatest
 * watermark of the lane up to it, so that a copied row, which stands for what was before, comes no later
 * than it is read; a lane says of no row that it came too late. What is copied before anything was committed
 * has no time, and is in the very first window.
 */
export class LaneQueue implements LanePlace {
  readonly topic: string;
  readonly partition: number;
  readonly #dedupe = new Dedupe();
  readonly #heads = new HeadReader();
  #waiting: Waiting[] = [];
  #first = 0; // Those before it were taken.
  #next: bigint;
  #watermark: number;

  constructor({ topic, partition, next, watermark, marks }: LaneMark) {
    this.topic = topic;
    this.partition = partition;
    this.#next = next;
    this.#watermark = watermark;
    this.#dedupe.restore(topic, partition, marks);
  }

  get next(): bigint {
    return this.#next;
  }

  /** Of every row that still follows, the time is this at least. */
  get watermark(): number {
    return this.#watermark;
  }

  /** The time of the oldest row that waits; null if none does. */
  get oldest(): number | null {
    return this.#waiting[this.#first]?.watermark ?? null;
  }

  /** Takes what was read next; `registry` has learnt its schemas. */
  push(records: readonly Received[], next: bigint, registry: Pick<Registry, 'type'>): void {
    for (const record of records) {
      if (isHeartbeat(record)) this.#reach(Number(header(record, 'watermark') ?? 0));
      else {
        const head = this.#headOf(record, registry);
        if (head) this.#reach(head.watermark);
        this.#waiting.push({ record, head, watermark: this.#watermark });
      }
    }
    this.#next = next;
  }

  /** Whether nothing that is older than `end` waits, or will ever. */
  isPast(end: number): boolean {
    return this.#watermark >= end && (this.oldest ?? end) >= end;
  }

  /** Whether `most` records that are older than `end` wait. */
  hasFull(end: number, most: number): boolean {
    const last = this.#waiting[this.#first + most - 1];
    return last !== undefined && last.watermark < end;
  }

  /** Takes away what is older than `end`, `most` records of it, and each change once. */
  take(end: number, most: number, rows: WindowRow[], refused: Refused<Received>[]): void {
    const waiting = this.#waiting;
    let at = this.#first;
    const limit = at + most;
    for (let one = waiting[at]; one && one.watermark < end && at < limit; one = waiting[++at]) {
      const { record, head } = one;
      const { value } = record;
      if (!head || !value) refused.push({ value: record, refusal: notOurs(this.topic) });
      else if (this.#dedupe.admit(this.topic, this.partition, head.log, head.position))
        rows.push({
          record: record as WindowRow['record'],
          log: head.log,
          position: head.position,
        });
    }
    this.#first = at;
    if (at < waiting.length && at < 4_096) return;
    this.#waiting = waiting.slice(at);
    this.#first = 0;
  }

  /** Where the lane stands, all that was taken behind it. */
  mark(): LaneMark {
    const { topic, partition } = this;
    const first = this.#waiting[this.#first];
    return {
      topic,
      partition,
      next: first?.record.offset ?? this.#next,
      watermark: first?.watermark ?? this.#watermark,
      marks: this.#dedupe.marks(topic, partition),
    };
  }

  #reach(watermark: number): void {
    if (watermark > this.#watermark) this.#watermark = watermark;
  }

  #headOf({ value }: Received, registry: Pick<Registry, 'type'>): ChangeHead | null {
    const type = value && registry.type(schemaIdOf(value) ?? -1);
    return type && beginsLikeAChange(type) ? this.#heads.read(value) : null;
  }
}

const notOurs = (topic: string) =>
  new Refusal('undecodable', `a record of ${topic} is no change in Avro`);
