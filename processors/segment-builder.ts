import { createHash, type Hash } from 'node:crypto';
import { Bytes } from '../schemas/bytes.ts';
import type { GovernedHead } from '../schemas/governed-head.ts';
import { type ProvedRecord, segmentStart, writeProved } from '../schemas/segment-bytes.ts';
import { firstPosition } from './position-order.ts';

/** The most records that a segment has, and the most bytes, but for its last record. */
export const mostRecords = 50_000;
const mostBytes = 64 * 1024 * 1024;

/** How far a stream is proved: what the next segment begins with. */
export interface Proved {
  readonly number: number; // Of the next segment.
  readonly position: string;
  readonly watermark: number;
  readonly offsets: ReadonlyMap<number, number>; // By partition, of the record that comes next.
}

/** Nothing is proved of a stream yet, whose partitions begin here. */
export const nothingProved = (offsets: ReadonlyMap<number, number>): Proved => ({
  number: 0,
  position: firstPosition,
  watermark: 0,
  offsets,
});

/** A segment whose bounds are fixed. */
export interface Segment {
  readonly number: number;
  readonly from: string;
  readonly to: string;
  readonly watermark: number;
  readonly sha256: string;
  readonly count: number;
  readonly resent: number;
  readonly offsets: ReadonlyMap<number, readonly [from: number, to: number]>;
  readonly policies: readonly string[];
  readonly schemas: readonly number[];
}

/** What a segment was cut by, and what comes after it. */
interface Cutting {
  readonly everyMicros: number; // Of the log's own time.
  readonly headOf: (value: Buffer) => GovernedHead | null;
}

/**
 * Cuts a stream, given in order, into segments. Where they end follows from the records alone: after so
 * many, after so many bytes, or where the log's own time enters another interval.
 */
export class SegmentBuilder {
  readonly #cutting: Cutting;
  #proved: Proved;
  #begun: Begun;

  constructor(proved: Proved, cutting: Cutting) {
    this.#cutting = cutting;
    this.#proved = proved;
    this.#begun = begin(proved);
  }

  /** How far the stream is proved by the segments that have ended. */
  get proved(): Proved {
    return this.#proved;
  }

  /** Whether the log's own time has left the interval of what is waiting. */
  isOver(watermark: number): boolean {
    return this.#interval(watermark) > this.#interval(this.#begun.watermark);
  }

  /** Takes the next record; returns the segment that ended before it, if one did. */
  add(record: ProvedRecord, place: string): Segment | null {
    const head = record.value && this.#cutting.headOf(record.value);
    const watermark = Math.max(this.#begun.watermark, head?.watermark ?? 0);
    const { count, bytes } = this.#begun;
    const isFull = count >= mostRecords || bytes >= mostBytes;
    const ended = count > 0 && (isFull || this.isOver(watermark)) ? this.end() : null;
    const begun = this.#begun;
    write(begun, record, head);
    begun.to = place;
    begun.watermark = watermark;
    if (head) {
      begun.policies.add(head.policy);
      begun.schemas.add(head.schema);
    }
    const { partition, offset } = record;
    const from = begun.offsets.get(partition)?.[0] ?? this.#proved.offsets.get(partition) ?? 0;
    begun.offsets.set(partition, [from, Number(offset) + 1]);
    return ended;
  }

  /** Ends the segment that has begun; null if nothing is in it. */
  end(): Segment | null {
    const { digest, out, count, to, watermark, resent, offsets, policies, schemas } = this.#begun;
    if (count === 0) return null;
    digest.update(out.view());
    const { number, position: from } = this.#proved;
    const segment = {
      number,
      from,
      to,
      watermark,
      sha256: digest.digest('hex'),
      count,
      resent,
      offsets: new Map([...offsets].toSorted(([a], [b]) => a - b)),
      policies: [...policies].toSorted(),
      schemas: [...schemas].toSorted((a, b) => a - b),
    };
    this.#proved = after(this.#proved, segment);
    this.#begun = begin(this.#proved);
    return segment;
  }

  #interval(watermark: number): number {
    return Math.floor(watermark / this.#cutting.everyMicros);
  }
}

/** How far a stream is proved once a segment is. */
export function after(
  proved: Proved,
  segment: Pick<Segment, 'number' | 'to' | 'watermark' | 'offsets'>,
): Proved {
  const offsets = new Map(proved.offsets);
  for (const [partition, [, to]] of segment.offsets) offsets.set(partition, to);
  const { number, to: position, watermark } = segment;
  return { number: number + 1, position, watermark, offsets };
}

interface Begun {
  readonly digest: Hash;
  readonly out: Bytes;
  readonly offsets: Map<number, readonly [number, number]>;
  readonly policies: Set<string>;
  readonly schemas: Set<number>;
  readonly newest: Map<string, string>; // By partition and log, the position that came last.
  count: number;
  bytes: number;
  resent: number;
  to: string;
  watermark: number;
}

/** The first segment tells where every partition begins, be there a record of it or not. */
const begin = ({ number, position, watermark, offsets }: Proved): Begun => ({
  digest: createHash('sha256').update(segmentStart),
  out: new Bytes(slabBytes * 2),
  offsets: new Map(number === 0 ? [...offsets].map(([lane, at]) => [lane, [at, at]]) : []),
  policies: new Set(),
  schemas: new Set(),
  newest: new Map(),
  count: 0,
  bytes: segmentStart.length,
  resent: 0,
  to: position,
  watermark,
});

const slabBytes = 64 * 1024; // A call to the hash for each record would cost more than its bytes.

function write(begun: Begun, record: ProvedRecord, head: GovernedHead | null): void {
  const { digest, out } = begun;
  const before = out.at;
  writeProved(record, out);
  begun.count++;
  begun.bytes += out.at - before;
  if (head && isResent(begun.newest, record.partition, head)) begun.resent++;
  if (out.at < slabBytes) return;
  digest.update(out.view());
  out.clear();
}

/** Whether a record was in its partition before, by its log's own order. Remembers it if not. */
function isResent(
  newest: Map<string, string>,
  partition: number,
  { source, position }: GovernedHead,
): boolean {
  const log = `${partition}/${source}`;
  const last = newest.get(log);
  if (last !== undefined && position <= last) return true;
  newest.set(log, position);
  return false;
}
