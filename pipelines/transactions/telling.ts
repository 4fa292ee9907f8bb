import { setTimeout as wait } from 'node:timers/promises';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { tableOf } from '../../contracts/topics.ts';
import { firstPosition } from '../../processors/position-order.ts';
import { TransactionTally } from '../../processors/transaction-tally.ts';
import { type ChangeHead, HeadReader } from '../../schemas/change-head.ts';
import type { GovernedTransaction } from '../../schemas/governed-transaction.ts';
import { failpoint } from '../flow/failpoint.ts';
import type { Sink } from '../flow/sink.ts';
import type { Frontier, Look } from '../prove/frontier.ts';
import { lanesInOrder } from '../prove/lanes-in-order.ts';
import type { KafkaOptions } from '../topic/kafka.ts';
import { LaneRecords } from '../topic/lane-records.ts';
import type { LaneMark } from '../windows/lane-queue.ts';
import { WindowState } from '../windows/window-state.ts';

export interface TellingEnds {
  readonly kafka: KafkaOptions;
  readonly database: string;
  readonly slot: string;
  readonly topics: readonly string[]; // Of governed changes.
  readonly stateUrl: string;
  readonly frontier: Frontier;
  readonly told: Sink<GovernedTransaction>;
  readonly ends: 'with the first look' | 'never';
}

const lookEveryMs = 200;
const mostAtOnce = 1_000; // Transactions that are told together, and kept account of.
const fetchBytes = 64 * 1024; // Of each lane, compressed.

/**
 * Tells, in the order of commits, how many records of each transaction there are in governed topics, once all of
 * them are there: what is complete is known from the frontier, and what there is from the topics themselves. So it
 * does not matter who governed them, how often, or what he withheld. One worker does so at a time; what is told
 * again after a kill is told in the same words.
 */
export async function* tellTransactions(
  ends: TellingEnds,
  signal: AbortSignal,
): AsyncGenerator<number> {
  const { stateUrl, database, frontier } = ends;
  const form = () => Promise.resolve('governed counts');
  await using state = await WindowState.own(stateUrl, `transactions/${database}`, form, signal);
  if (!state) return;
  await using telling = await Telling.open(ends, state);
  while (!signal.aborted) {
    const look = await frontier.look();
    if (look) {
      yield* telling.upTo(look, signal);
      if (ends.ends === 'with the first look') return;
    }
    await wait(lookEveryMs, undefined, { signal }).catch(() => {});
  }
}

interface Lane {
  readonly topic: string;
  readonly table: string;
  readonly partition: number;
  readonly reader: LaneRecords;
  next: bigint;
}

/** Where the counting stands. */
class Telling implements AsyncDisposable {
  readonly #state: WindowState;
  readonly #told: Sink<GovernedTransaction>;
  readonly #lanes: readonly Lane[];
  readonly #byTopic: ReadonlyMap<string, readonly Lane[]>; // By partition.
  readonly #tally: TransactionTally;
  readonly #heads = new HeadReader();
  #waiting: GovernedTransaction[] = [];

  private constructor({ slot, told }: TellingEnds, state: WindowState, lanes: readonly Lane[]) {
    this.#state = state;
    this.#told = told;
    this.#lanes = lanes;
    this.#byTopic = Map.groupBy(lanes, ({ topic }) => topic);
    this.#tally = new TransactionTally(slot);
    for (const { topic, partition, marks } of state.place.lanes)
      this.#tally.restore(topic, partition, marks);
  }

  static async open(ends: TellingEnds, state: WindowState): Promise<Telling> {
    const { lanes: known } = state.place;
    const lanes: Lane[] = [];
    for (const topic of ends.topics) {
      const reader = new LaneRecords(ends.kafka, topic, fetchBytes);
      const starts = await reader.bounds('start');
      for (const [partition, start] of starts.entries()) {
        const mark = known.find((lane) => lane.topic === topic && lane.partition === partition);
        if (mark && mark.next < start) throw gone(`${topic}/${partition} from ${mark.next}`);
        const next = mark?.next ?? start;
        lanes.push({ topic, table: tableOf(topic), partition, reader, next });
      }
    }
    const telling = new Telling(ends, state, lanes);
    await telling.#keep();
    return telling;
  }

  /** Tells all that is complete by now. */
  async *upTo({ limit, ends }: Look, signal: AbortSignal): AsyncGenerator<number> {
    const ranges = new Map<number, readonly [number, number]>();
    for (const [index, { topic, partition, next }] of this.#lanes.entries()) {
      const end = ends.get(topic)?.[partition] ?? 0n;
      if (end < next) throw gone(`${topic}/${partition} from ${next}`);
      if (end > next) ranges.set(index, [Number(next), Number(end)]);
    }
    if (ranges.size === 0) return; // What was read is told and kept account of already.
    const read = (index: number, from: bigint, to: bigint) => {
      const { reader, partition } = this.#lane(index);
      return reader.read(partition, from, to);
    };
    const placed = lanesInOrder({ read }, { ranges, floor: firstPosition, limit, prepare });
    for await (const records of placed) {
      if (signal.aborted) return;
      for (const { record } of records) {
        const { topic, partition, offset, value } = record;
        const lane = this.#byTopic.get(topic)?.[partition];
        const head = value && this.#heads.read(value);
        if (head && this.#endsEnough(head)) yield* this.#tell();
        if (head && lane) this.#tally.add({ topic, partition, table: lane.table, head });
        if (lane) lane.next = offset + 1n;
      }
    }
    const last = this.#tally.end();
    if (last) this.#waiting.push(last);
    yield* this.#tell();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const reader of new Set(this.#lanes.map((lane) => lane.reader)))
      await reader[Symbol.asyncDispose]();
  }

  /** Whether the record is the first of a transaction, and so many are over that they had better be told. */
  #endsEnough(head: ChangeHead): boolean {
    const ended = this.#tally.endedBy(head);
    if (ended) this.#waiting.push(ended);
    return ended !== null && this.#waiting.length >= mostAtOnce;
  }

  /** What is told is there first, and then kept account of. */
  async *#tell(): AsyncGenerator<number> {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (waiting.length > 0) await this.#told.write(waiting);
    failpoint('sent');
    await this.#keep();
    if (waiting.length > 0) yield waiting.length;
  }

  #keep(): Promise<void> {
    return this.#state.save(null, this.#marks(), () => Promise.resolve());
  }

  #marks(): readonly LaneMark[] {
    return this.#lanes.map(({ topic, partition, next }) => {
      const marks = this.#tally.marks(topic, partition);
      return { topic, partition, next, watermark: 0, marks };
    });
  }

  #lane(index: number): Lane {
    const lane = this.#lanes[index];
    if (!lane) throw new TypeError(`there is no lane ${index}`);
    return lane;
  }
}

const prepare = () => Promise.resolve(); // Heads are read without their schemas.

const gone = (lane: string): CannotRun =>
  new CannotRun({
    what: `Kafka no longer has what is to be counted next: ${lane}`,
    where: 'gov.<db>.transactions',
    fix: "restore the topic; or, where the loss is known, DELETE FROM conductor_windows WHERE task LIKE 'transactions/%' in state.url, and transactions are counted anew from what there is",
  });
