import type { Registry } from '../contracts/registry.ts';
import type { KafkaOptions } from '../pipelines/topic/kafka.ts';
import { LaneRecords } from '../pipelines/topic/lane-records.ts';
import { type LetterPiece, pieceReader } from './letter-records.ts';
import type { IndexedLetter } from './letter-tables.ts';
import type { SealedLetter } from './open-letter.ts';

/** A letter as it lies in its topic, with the key that it has there. */
export interface LyingLetter extends SealedLetter {
  readonly key: Buffer | null;
}

type Place = Pick<IndexedLetter, 'id' | 'topic' | 'partition' | 'offset'>;

const readOverAtMost = 2_000n; // Records between two letters that are wanted: to read them is cheaper than to ask anew.

/** Reads many letters, each topic's through one connection that stays. Those that are not there any more are left out. */
export class LetterBatches implements AsyncDisposable {
  readonly #kafka: KafkaOptions;
  readonly #read: ReturnType<typeof pieceReader>;
  readonly #topics = new Map<string, LaneRecords>();

  constructor(kafka: KafkaOptions, registry: Registry) {
    this.#kafka = kafka;
    this.#read = pieceReader(registry);
  }

  /** The letters, by their ids. Those of several pipelines may not have the same. */
  async read(places: readonly Place[]): Promise<ReadonlyMap<string, LyingLetter>> {
    const found = new Map<string, LyingLetter>();
    const lanes = Map.groupBy(places, ({ topic, partition }) => `${topic}/${partition}`);
    for (const wanted of lanes.values()) await this.#readLane(wanted, found);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const lanes of this.#topics.values()) await lanes[Symbol.asyncDispose]();
  }

  async #readLane(wanted: readonly Place[], found: Map<string, LyingLetter>): Promise<void> {
    const [first] = wanted;
    if (!first) return;
    const { topic, partition } = first;
    let lanes = this.#topics.get(topic);
    if (!lanes) this.#topics.set(topic, (lanes = new LaneRecords(this.#kafka, topic)));
    const start = (await lanes.bounds('start'))[partition] ?? 0n;
    const end = (await lanes.bounds('end'))[partition] ?? 0n;
    const there = wanted.filter(({ offset }) => BigInt(offset) >= start);
    for (const run of runsOf(there)) await this.#readRun(lanes, run, end, found);
  }

  async #readRun(
    lanes: LaneRecords,
    run: readonly Place[],
    end: bigint,
    found: Map<string, LyingLetter>,
  ): Promise<void> {
    const waiting = new Map(run.map((place) => [place.id, { place, boxes: [] as Buffer[] }]));
    const [first] = run;
    if (!first) return;
    for await (const batch of lanes.read(first.partition, BigInt(first.offset), end)) {
      for (const piece of await this.#read(batch)) {
        if (typeof piece === 'string') continue;
        const begun = waiting.get(piece.id);
        if (!begun || !isNext(piece, begun)) continue;
        begun.boxes.push(piece.sealed);
        if (begun.boxes.length < piece.chunks) continue;
        waiting.delete(piece.id);
        const { message, seals, key } = piece;
        found.set(piece.id, { message, seals, key, sealed: Buffer.concat(begun.boxes) });
      }
      if (waiting.size === 0) return;
    }
  }
}

const isNext = (
  { offset, chunk }: LetterPiece,
  { place, boxes }: { readonly place: Place; readonly boxes: readonly Buffer[] },
): boolean => offset >= BigInt(place.offset) && chunk === boxes.length;

/** Letters of a lane in stretches that are read in one go. */
function runsOf(places: readonly Place[]): readonly (readonly Place[])[] {
  const sorted = places.toSorted((a, b) => (BigInt(a.offset) < BigInt(b.offset) ? -1 : 1));
  const runs: Place[][] = [];
  for (const place of sorted) {
    const last = runs.at(-1);
    const before = last?.at(-1);
    if (last && before && BigInt(place.offset) - BigInt(before.offset) <= readOverAtMost)
      last.push(place);
    else runs.push([place]);
  }
  return runs;
}
