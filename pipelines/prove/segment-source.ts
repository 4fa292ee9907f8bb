import { setTimeout as wait } from 'node:timers/promises';
import { CannotRun } from '../../contracts/cannot-run.ts';
import type { Registry } from '../../contracts/registry.ts';
import type { Evidence } from '../../processors/evidence.ts';
import {
  mostRecords,
  nothingProved,
  type Proved,
  SegmentBuilder,
} from '../../processors/segment-builder.ts';
import type { StreamSegment } from '../../processors/segment-manifest.ts';
import { governedHead } from '../../schemas/governed-head.ts';
import type { Delivery, Reading, Source } from '../flow/source.ts';
import type { KafkaOptions } from '../topic/kafka.ts';
import { LaneRecords } from '../topic/lane-records.ts';
import { learning } from '../topic/learning.ts';
import type { Frontier, Look } from './frontier.ts';
import { lanesInOrder } from './lanes-in-order.ts';

/** A stream that is proved. */
export interface Stream {
  readonly stream: string;
  readonly database: string;
  readonly topic: string;
}

interface Settings {
  readonly kafka: KafkaOptions;
  readonly registry: Registry;
  readonly streams: readonly Stream[];
  readonly everySeconds: number; // Of the log's own time: how long a segment is at most.
  readonly frontier: Frontier;
  readonly heads: Evidence['heads'];
  /** Told how many records of a stream wait to be proved. */
  readonly behind: (stream: string, records: number) => void;
}

const lookEveryMs = 1_000;

/** Segments of governed topics, stream by stream, from where they are proved on. What is proved is its only state. */
export class SegmentSource implements Source<StreamSegment> {
  readonly #settings: Settings;
  readonly #proved = new Map<string, Proved>();
  readonly #triedAt = new Map<string, number>(); // The interval in which a stream was last looked at.
  #count = 0n;

  constructor(settings: Settings) {
    this.#settings = settings;
    for (const [stream, head] of settings.heads) this.#proved.set(stream, head);
  }

  async *read({ signal }: Reading): AsyncIterable<Delivery<StreamSegment>> {
    while (!signal.aborted) {
      const look = await this.#settings.frontier.look();
      if (look)
        for (const stream of this.#settings.streams) {
          if (signal.aborted) return;
          yield* this.#segments(stream, look, signal);
        }
      if (look?.isLast) return;
      await wait(lookEveryMs, undefined, { signal }).catch(() => {});
    }
  }

  /** What is proved is in the log itself. */
  confirm(): void {}

  async [Symbol.asyncDispose](): Promise<void> {}

  async *#segments(
    stream: Stream,
    look: Look,
    signal: AbortSignal,
  ): AsyncIterable<Delivery<StreamSegment>> {
    const { kafka, registry, behind } = this.#settings;
    const waiting = this.#waiting(stream, look);
    behind(stream.stream, waiting);
    if (waiting === 0 || !this.#isDue(stream, look, waiting)) return;
    await using lanes = new LaneRecords(kafka, stream.topic);
    const proved = await this.#begins(stream, lanes);
    const ranges = rangesOf(stream, proved, look.ends);
    const everyMicros = this.#settings.everySeconds * 1_000_000;
    const builder = new SegmentBuilder(proved, {
      everyMicros,
      headOf: governedHead((id) => registry.type(id)),
    });
    const prepare = learning(registry);
    const { position: floor } = proved;
    let left = waiting;
    const deliver = (segment: StreamSegment['segment']): Delivery<StreamSegment> => {
      this.#proved.set(stream.stream, builder.proved);
      behind(stream.stream, (left -= segment.count));
      const position = { log: 'segments', at: ++this.#count };
      return { position, values: [{ ...stream, segment }], bytes: 1_024 };
    };
    for await (const placed of lanesInOrder(lanes, { ranges, floor, limit: look.limit, prepare })) {
      if (signal.aborted) return;
      for (const { record, place } of placed) {
        const ended = builder.add(record, place);
        if (ended) yield deliver(ended);
      }
    }
    const last = look.isLast || builder.isOver(look.watermark) ? builder.end() : null;
    if (last) yield deliver(last);
  }

  /** Where the stream goes on, or begins: with what its topic still has. */
  async #begins({ stream, topic }: Stream, lanes: LaneRecords): Promise<Proved> {
    const starts = await lanes.bounds('start');
    const proved = this.#proved.get(stream);
    if (!proved) return nothingProved(new Map(starts.map((at, lane) => [lane, Number(at)])));
    for (const [lane, start] of starts.entries()) {
      const next = proved.offsets.get(lane) ?? 0;
      if (start > BigInt(next))
        throw new CannotRun({
          what: `Kafka no longer has what is to be proved next: records of ${topic}/${lane} from offset ${next} on went before they were proved`,
          where: `stream ${stream}, segment ${proved.number}`,
          fix: 'keep governed topics for longer than prove may be away (retention.ms); what is gone cannot be proved any more, so give the topic a new name, or the log',
        });
    }
    return proved;
  }

  #waiting({ stream, topic }: Stream, { ends }: Look): number {
    const proved = this.#proved.get(stream);
    let waiting = 0;
    for (const [partition, end] of (ends.get(topic) ?? []).entries()) {
      const next = proved?.offsets.get(partition) ?? 0;
      if (end < BigInt(next)) throw shrunk(`${topic}/${partition}`, stream, { next, end });
      waiting += Number(end) - next;
    }
    return waiting;
  }

  /** A stream is read when a segment is sure to end, or may. */
  #isDue({ stream }: Stream, { watermark, isLast }: Look, waiting: number): boolean {
    const interval = Math.floor(watermark / (this.#settings.everySeconds * 1_000_000));
    if (!isLast && waiting < mostRecords && interval === this.#triedAt.get(stream)) return false;
    this.#triedAt.set(stream, interval);
    return true;
  }
}

function rangesOf({ topic }: Stream, proved: Proved, ends: Look['ends']) {
  const lanes = ends.get(topic) ?? [];
  return new Map(
    lanes.map((end, lane) => [lane, [proved.offsets.get(lane) ?? 0, Number(end)]] as const),
  );
}

/** What comes at offsets that are proved would be in no segment. */
const shrunk = (
  lane: string,
  stream: string,
  { next, end }: { readonly next: number; readonly end: bigint },
) =>
  new CannotRun({
    what: `Kafka no longer has what was proved: ${lane} was proved up to offset ${next}, and ends at ${end}; it was made anew, or lost records`,
    where: `stream ${stream}`,
    fix: 'restore the topic, or begin another log with provenance.topic and provenance.directory',
  });
