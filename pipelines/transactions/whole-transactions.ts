import type { Registry } from '../../contracts/registry.ts';
import { Dedupe } from '../../processors/dedupe.ts';
import { isStreamed } from '../../processors/transaction-tally.ts';
import { compare, type Position } from '../../schemas/position.ts';
import { AllLanes, type LanePlace } from '../topic/all-lanes.ts';
import type { KafkaOptions } from '../topic/kafka.ts';
import type { Received } from '../topic/received.ts';
import { LaneHeads, type Waiting } from './lane-heads.ts';
import { ToldTransactions } from './told.ts';

/** Where whole transactions are gathered from. */
export interface Gathered {
  readonly kafka: KafkaOptions;
  readonly slot: string;
  readonly topics: ReadonlyMap<string, string>; // Of governed changes, and whose they are.
  readonly told: string; // The topic that tells of transactions.
  readonly registry: Registry;
  /** Called before a batch is taken, for what its processing needs and has to wait for. */
  readonly prepare: (batch: readonly Received[]) => Promise<void>;
}

/** What is to be written next: parts of it, until it is whole. */
export interface Goal {
  readonly last: Position | null; // Up to this transaction; null for what belongs to none.
  readonly records: number;
  seen: number;
  isPast: boolean; // Every lane is past its last transaction.
}

const mostTold = 2_000;

/**
 * Brings together what a transaction has left in all lanes. In memory are a fetch of each lane, and a part of what is to
 * be written: however large a transaction is, a lane that has come past it waits, and is not read on.
 */
export class WholeTransactions implements AsyncDisposable {
  readonly #from: Gathered;
  readonly #reader: AllLanes;
  readonly #lanes: readonly LaneHeads[];
  readonly #told: ToldTransactions;
  readonly #counted = new Dedupe();
  #reached: Position | null;

  private constructor(
    from: Gathered,
    reader: AllLanes,
    places: readonly LanePlace[],
    reached: Position | null,
  ) {
    this.#from = from;
    this.#reader = reader;
    this.#reached = reached;
    this.#lanes = places
      .filter(({ topic }) => topic !== from.told)
      .map((place) => new LaneHeads(place));
    const next = places.find(({ topic }) => topic === from.told)?.next ?? 0n;
    const tables = new Set(from.topics.values());
    this.#told = new ToldTransactions(tables, from.registry, { reached, next });
  }

  /** `committed` says where each lane goes on; all before it, and all transactions up to `reached`, were written. */
  static async open(
    from: Gathered,
    committed: ReadonlyMap<string, bigint>,
    reached: Position | null,
  ): Promise<WholeTransactions> {
    const reader = new AllLanes(from.kafka, [...from.topics.keys(), from.told], fixWhenGone);
    try {
      const places = (await reader.starts()).map((start) => {
        const known = committed.get(`${start.topic}/${start.partition}`) ?? -1n;
        return known < 0n ? start : { ...start, next: known };
      });
      return new WholeTransactions(from, reader, places, reached);
    } catch (error) {
      await reader[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What comes next, of about so many records. */
  goal(size: number): Goal {
    const next = this.#told.upTo(size);
    return { last: next?.last ?? null, records: next?.records ?? 0, seen: 0, isPast: false };
  }

  isWhole({ last, records, seen, isPast }: Goal): boolean {
    return last !== null && (seen >= records || isPast);
  }

  /** Adds to `part` what belongs to the goal, until it has that size or the goal is whole; of no transaction, what there is. */
  async gather(goal: Goal, part: Received[], size: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      for (const lane of this.#lanes) this.#take(lane, goal, part, size);
      if (part.length >= size || this.isWhole(goal) || signal.aborted) return;
      if (goal.last === null && part.length > 0) return;
      const hasCome = await this.#fetch();
      if (goal.last === null && !hasCome) return;
      if (goal.last === null && this.#told.count > 0) return;
      if (!hasCome) goal.isPast = await this.#arePast();
    }
  }

  /** All up to the goal is written. */
  written({ last }: Goal): void {
    if (!last) return;
    this.#reached = last;
    this.#told.delivered(last);
  }

  /** Where each lane goes on after a restart. */
  offsets(): ReadonlyMap<string, ReadonlyMap<number, number>> {
    const offsets = new Map<string, Map<number, number>>([
      [this.#from.told, new Map([[0, Number(this.#told.taken)]])],
    ]);
    for (const { topic, partition, taken } of this.#lanes) {
      const lanes = offsets.get(topic) ?? new Map<number, number>();
      offsets.set(topic, lanes.set(partition, Number(taken)));
    }
    return offsets;
  }

  /** Whether all was read up to these ends, and all transactions of it were written that are whole. */
  isDone(until: ReadonlyMap<string, bigint>): boolean {
    const isRead = (lane: string, next: bigint) => next >= (until.get(lane) ?? 0n);
    if (this.#told.count > 0 || !isRead(`${this.#from.told}/0`, this.#told.next)) return false;
    return this.#lanes.every(
      ({ topic, partition, next, first }) => first || isRead(`${topic}/${partition}`, next),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#reader[Symbol.asyncDispose]();
  }

  #take(lane: LaneHeads, goal: Goal, part: Received[], size: number): void {
    for (let one = lane.first; one && part.length < size; one = lane.first) {
      if (!this.#isDue(one, goal)) return;
      if (this.#counts(lane, one)) goal.seen++;
      part.push(one.record);
      lane.shift();
    }
  }

  #isDue({ head }: Waiting, { last }: Goal): boolean {
    if (!head || !isStreamed(head, this.#from.slot)) return true;
    const limit = last ?? this.#reached;
    return limit !== null && compare(head.position, limit) <= 0;
  }

  /** Once for each record of a transaction that is not written yet. */
  #counts({ topic, partition }: LaneHeads, { head }: Waiting): boolean {
    if (!head || !isStreamed(head, this.#from.slot)) return false;
    const { log, position } = head;
    return this.#told.has(position) && this.#counted.admit(topic, partition, log, position);
  }

  /** Reads on in the lanes of which nothing waits; false if nothing came. */
  async #fetch(): Promise<boolean> {
    const told = { topic: this.#from.told, partition: 0, next: this.#told.next };
    const wanted: LanePlace[] = this.#lanes.filter(({ first }) => !first);
    if (this.#told.count < mostTold) wanted.push(told);
    if (wanted.length === 0) return false;
    let hasCome = false;
    for (const { lane, values, next } of await this.#reader.fetch(wanted)) {
      if (next === lane.next) continue;
      hasCome = true;
      await this.#from.prepare(values);
      if (lane instanceof LaneHeads) lane.fill(values, next);
      else this.#told.push(values, next);
    }
    return hasCome;
  }

  /**
   * Whether no lane has anything more of what was told, whatever the count says: a part of it was delivered
   * otherwise, or is gone. It was all there when it was told.
   */
  async #arePast(): Promise<boolean> {
    const ends = await this.#reader.ends();
    return this.#lanes.every(
      ({ topic, partition, next, first }) =>
        first !== undefined || next >= (ends.get(`${topic}/${partition}`) ?? 0n),
    );
  }
}

const fixWhenGone =
  'rebuild the sink from the source, or set the offsets of the group by hand where the loss is known';
