import { frontOf } from '../schemas/governed-head.ts';
import type { ProvedRecord } from '../schemas/segment-bytes.ts';

/** Before every position. */
export const firstPosition = '00000000/0000000000000000/00000000/00000000';

interface Lane<Ordered> {
  readonly partition: number;
  records: readonly Ordered[];
  places: readonly string[];
  next: number;
  place: string; // The greatest so far.
  ended: boolean;
}

interface Bounds {
  readonly floor: string; // Where the segment before ended: nothing that comes now stands before it.
  readonly limit: string | null; // Nothing after it is taken.
  readonly partitions: readonly number[];
}

/**
 * Brings the records of several partitions in the order of their positions. A record stands where its
 * position says, but never before one that precedes it in its partition: what came late, a copied row or
 * a change that was sent twice, stands where it came.
 */
export class PositionOrder<Ordered extends ProvedRecord> {
  readonly #lanes: Lane<Ordered>[];
  readonly #limit: string | null;

  constructor({ floor, limit, partitions }: Bounds) {
    this.#limit = limit;
    this.#lanes = partitions.map((partition) => ({
      partition,
      records: [],
      places: [],
      next: 0,
      place: floor,
      ended: false,
    }));
  }

  /** Partitions that must be fed, or ended, before anything more can come. */
  get wanted(): readonly number[] {
    return this.#lanes
      .filter((lane) => !lane.ended && lane.next === lane.records.length)
      .map(({ partition }) => partition);
  }

  feed(partition: number, records: readonly Ordered[]): void {
    const lane = this.#lane(partition);
    const places: string[] = [];
    for (const record of records) {
      const front = record.value && frontOf(record.value);
      if (front && front.position > lane.place) lane.place = front.position;
      if (this.#limit !== null && lane.place > this.#limit) break;
      places.push(lane.place);
    }
    lane.records = records.slice(0, places.length);
    lane.places = places;
    lane.next = 0;
    lane.ended = places.length < records.length;
  }

  end(partition: number): void {
    this.#lane(partition).ended = true;
  }

  /** Hands on what is in order by now. Of equal places the lower partition comes first. */
  take(visit: (record: Ordered, place: string) => void): void {
    if (this.wanted.length > 0) return;
    for (;;) {
      let first: Lane<Ordered> | null = null;
      let least = '';
      for (const lane of this.#lanes) {
        const place = lane.places[lane.next];
        if (place === undefined || (first && place >= least)) continue;
        first = lane;
        least = place;
      }
      const record = first?.records[first.next];
      if (!first || !record) return;
      first.next++;
      visit(record, least);
      if (first.next === first.records.length && !first.ended) return;
    }
  }

  #lane(partition: number): Lane<Ordered> {
    const lane = this.#lanes.find((each) => each.partition === partition);
    if (!lane) throw new Error(`partition ${partition} is not among those that are ordered`);
    return lane;
  }
}
