import type { GovernedRecord } from '../schemas/governed-record.ts';
import { compare, type Position } from '../schemas/position.ts';
import { countedOffset } from './lane-offsets.ts';

/** What a batch has of one lane of a table: its positions, from the oldest to the newest, and its greatest offset. */
export interface LaneSpan {
  readonly lane: number;
  readonly oldest: Position;
  readonly newest: Position;
  readonly offset: bigint;
}

/** Finds the spans of the lanes of a table's records, in any order. */
export class LaneSpans {
  readonly #spans = new Map<number, Span>();
  #last: Span | undefined; // Records of a lane follow each other.

  extend(record: Pick<GovernedRecord, 'lane' | 'offset' | 'isRetried'>, at: Position): void {
    const { lane } = record;
    const offset = countedOffset(record);
    let span = this.#last?.lane === lane ? this.#last : this.#spans.get(lane);
    if (!span) this.#spans.set(lane, (span = new Span(lane, offset, at)));
    else span.extend(offset, at);
    this.#last = span;
  }

  all(): readonly LaneSpan[] {
    return [...this.#spans.values()].sort((a, b) => a.lane - b.lane);
  }
}

class Span implements LaneSpan {
  readonly lane: number;
  readonly oldest: Mutable<Position>;
  readonly newest: Mutable<Position>;
  offset: bigint;

  constructor(lane: number, offset: bigint, at: Position) {
    const { timeline, lsn, seq, part } = at;
    this.lane = lane;
    this.offset = offset;
    this.oldest = { timeline, lsn, seq, part };
    this.newest = { timeline, lsn, seq, part };
  }

  extend(offset: bigint, at: Position): void {
    if (offset > this.offset) this.offset = offset;
    if (compare(at, this.newest) > 0) move(this.newest, at);
    else if (compare(at, this.oldest) < 0) move(this.oldest, at);
  }
}

type Mutable<T> = { -readonly [name in keyof T]: T[name] };

/** What a cursor is at is another position soon: its parts are taken. */
function move(to: Mutable<Position>, { timeline, lsn, seq, part }: Position): void {
  to.timeline = timeline;
  to.lsn = lsn;
  to.seq = seq;
  to.part = part;
}
