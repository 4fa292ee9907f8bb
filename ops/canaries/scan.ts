import type { Config } from '../../contracts/config.ts';
import type { KafkaOptions } from '../../pipelines/topic/kafka.ts';
import { topicNames } from '../../pipelines/topic/admin.ts';
import { LaneRecords } from '../../pipelines/topic/lane-records.ts';
import type { Sighting, Watchman } from './watchman.ts';

/** What one round over the topics came to. */
export interface Round {
  readonly topics: number;
  readonly records: number;
  /** Records that retention took before they were looked at. */
  readonly missed: number;
}

/** Told of what a round finds, as it finds it. */
export interface Told {
  sighted(sighting: Sighting): void;
  scanned(topic: string, records: number): void;
}

/** Topics that carry what is captured of a database, or what was made of it; the log of what is proved may have any name. */
export const isScanned = (
  topic: string,
  { database, provenance }: Pick<Config, 'database' | 'provenance'>,
): boolean =>
  topic.startsWith(`cdc.${database}.`) ||
  topic.startsWith(`gov.${database}.`) ||
  /^(?:anon|dp|dlq|retry|control)\./.test(topic) ||
  topic === 'usage' ||
  topic === (provenance?.topic ?? 'provenance');

/** Reads topics to their end, round after round, each record once. What is read is looked at and forgotten. */
export class Scan {
  readonly #kafka: KafkaOptions;
  readonly #config: Pick<Config, 'database' | 'provenance'>;
  readonly #watchman: Watchman;
  readonly #next = new Map<string, bigint>(); // By `topic/partition`.

  constructor(
    kafka: KafkaOptions,
    config: Pick<Config, 'database' | 'provenance'>,
    watchman: Watchman,
  ) {
    this.#kafka = kafka;
    this.#config = config;
    this.#watchman = watchman;
  }

  /** Up to where the topics end now. */
  async round(told: Told, signal: AbortSignal): Promise<Round> {
    const all = await topicNames(this.#kafka);
    const topics = all.filter((topic) => isScanned(topic, this.#config)).sort();
    let [records, missed] = [0, 0];
    for (const topic of topics) {
      if (signal.aborted) break;
      const read = await this.#topic(topic, told, signal);
      records += read.records;
      missed += read.missed;
    }
    return { topics: topics.length, records, missed };
  }

  async #topic(
    topic: string,
    told: Told,
    signal: AbortSignal,
  ): Promise<Pick<Round, 'records' | 'missed'>> {
    await using lanes = new LaneRecords(this.#kafka, topic);
    const starts = await lanes.bounds('start');
    const ends = await lanes.bounds('end');
    let [records, missed] = [0, 0n];
    for (const [partition, end] of ends.entries()) {
      const lane = `${topic}/${partition}`;
      const start = starts[partition] ?? 0n;
      const known = this.#next.get(lane) ?? start;
      // A topic that was made anew ends before where the old one was read to.
      const from = known < start || known > end ? start : known;
      missed += known < start ? start - known : 0n;
      for await (const batch of lanes.read(partition, from, end)) {
        for (const record of batch)
          for (const sighting of this.#watchman.look(record)) told.sighted(sighting);
        records += batch.length;
        told.scanned(topic, batch.length);
        const last = batch.at(-1);
        if (last) this.#next.set(lane, last.offset + 1n);
        if (signal.aborted) return { records, missed: Number(missed) };
      }
      this.#next.set(lane, end);
    }
    return { records, missed: Number(missed) };
  }
}
