import { setTimeout as wait } from 'node:timers/promises';
import type { Delivery, LogPosition, Reading, Source } from '../pipelines/flow/source.ts';
import type { LaneRecords } from '../pipelines/topic/lane-records.ts';
import type { Received } from '../pipelines/topic/received.ts';

/** How far a lane of a replay has come: everything before `next` is where it is to rest. */
export interface ReplayLane {
  readonly partition: number;
  readonly next: bigint;
}

export interface RangeReading {
  readonly records: LaneRecords;
  readonly lanes: readonly ReplayLane[];
  readonly ends: readonly bigint[]; // By partition.
  readonly prepare: (batch: readonly Received[]) => Promise<void>;
  readonly wanted: (record: Received) => boolean;
  readonly rate: number | null; // Records a second that are handed on, at most.
  readonly confirmed: (lane: ReplayLane) => void;
}

/** Reads lanes one after the other, from where a replay has come to up to where they are to end, outside of any group. */
export class RangeSource implements Source<Received> {
  readonly #reading: RangeReading;
  readonly #begun = performance.now();
  #handed = 0;

  constructor(reading: RangeReading) {
    this.#reading = reading;
  }

  async *read({ signal }: Reading): AsyncIterable<Delivery<Received>> {
    const { records, lanes, ends, prepare, wanted } = this.#reading;
    for (const { partition, next } of lanes) {
      const end = ends[partition] ?? 0n;
      const log = `${partition}`;
      for await (const batch of records.read(partition, next, end)) {
        if (signal.aborted) return;
        await prepare(batch);
        for (let at = 0; at < batch.length; at += mostAtOnce) {
          const part = batch.slice(at, at + mostAtOnce);
          const last = part.at(-1);
          if (!last) continue;
          const values = part.filter(wanted);
          await this.#paced(values.length, signal);
          if (signal.aborted) return;
          const bytes = values.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
          yield { position: { log, at: last.offset + 1n }, values, bytes };
        }
      }
      yield { position: { log, at: next < end ? end : next }, values: [], bytes: 0 };
    }
  }

  confirm({ log, at }: LogPosition): void {
    this.#reading.confirmed({ partition: Number(log), next: at });
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #paced(values: number, signal: AbortSignal): Promise<void> {
    this.#handed += values;
    const { rate } = this.#reading;
    if (rate === null) return;
    const early = this.#begun + (this.#handed / rate) * 1_000 - performance.now();
    if (early > 1) await wait(early, undefined, { signal }).catch(() => {}); // Aborted: whoever waits looks.
  }
}

const mostAtOnce = 500; // So that a slow pace is an even one.
