import type { Refused } from '../flow/stage.ts';
import type { Received } from '../topic/received.ts';
import type { ClosedWindow, WindowRow } from './closed-window.ts';
import type { LaneMark, LaneQueue } from './lane-queue.ts';
import { comparePlaces } from './row-order.ts';

interface WindowForm {
  readonly width: number;
  readonly mostPerLane: number;
  readonly skipsUntimed: boolean;
}

/** The windows that are not closed yet, over all lanes. */
export class OpenWindows {
  readonly #lanes: readonly LaneQueue[];
  readonly #width: number;
  readonly #mostPerLane: number;
  readonly #skipsUntimed: boolean;
  #closed: number | null;

  /**
   * A window of which a lane has more than `mostPerLane` records comes in parts. Where `skipsUntimed`, the first window,
   * of what was copied before there was any time, is nobody's beginning: no window has to follow upon it.
   */
  constructor(
    lanes: readonly LaneQueue[],
    { width, mostPerLane, skipsUntimed }: WindowForm,
    closed: number | null,
  ) {
    this.#lanes = lanes;
    this.#width = width;
    this.#mostPerLane = mostPerLane;
    this.#skipsUntimed = skipsUntimed;
    this.#closed = closed;
  }

  /** The last window that was closed, all of it. */
  get closed(): number | null {
    return this.#closed;
  }

  /**
   * The next window to close, or to close a part of: the oldest that has rows, or the last that has ended; null if
   * none has. Where somebody waits for the next one, be it empty, it is that.
   */
  due(isWaiting: boolean): number | null {
    const ended = Math.floor(this.#time() / this.#width) - 1;
    const before = this.#closed ?? -1; // It is -1 also once a part of the very first window was decided.
    const hasBegun = this.#skipsUntimed ? before > 0 : this.#closed !== null;
    const oldest = this.#oldest();
    if (isWaiting && hasBegun && ended > before) return before + 1;
    if (oldest !== null && (oldest <= ended || this.#isFull(oldest))) return oldest;
    if (isWaiting && hasBegun) return null;
    return ended > before ? ended : null;
  }

  /** Takes the window out of all lanes, or the next part of it. */
  close(index: number): ClosedWindow {
    const rows: WindowRow[] = [];
    const refused: Refused<Received>[] = [];
    const endMicros = (index + 1) * this.#width;
    for (const lane of this.#lanes) lane.take(endMicros, this.#mostPerLane, rows, refused);
    rows.sort(comparePlaces);
    const isLast = this.#lanes.every((lane) => lane.isPast(endMicros));
    this.#closed = isLast ? index : index - 1; // Once a part of it is decided, what is before it is over.
    return { index, isLast, endMicros, rows, refused };
  }

  /** Where every lane stands, all that was closed behind it. */
  marks(): readonly LaneMark[] {
    return this.#lanes.map((lane) => lane.mark());
  }

  /** The lanes that the next window waits for. */
  toRead(): readonly LaneQueue[] {
    const oldest = this.#oldest();
    if (oldest === null) return this.#lanes;
    const end = (oldest + 1) * this.#width;
    return this.#lanes.filter(
      (lane) => lane.watermark < end && !lane.hasFull(end, this.#mostPerLane),
    );
  }

  /** Whether every lane has a part of the window to give, or no more of it. */
  #isFull(index: number): boolean {
    const end = (index + 1) * this.#width;
    return this.#lanes.every(
      (lane) => lane.watermark >= end || lane.hasFull(end, this.#mostPerLane),
    );
  }

  /** Whether the lanes that the next window waits for were read up to there, so that no more reading up to there ends it. */
  reached(until: ReadonlyMap<string, bigint>): boolean {
    return this.toRead().every(
      ({ topic, partition, next }) => next >= (until.get(`${topic}/${partition}`) ?? 0n),
    );
  }

  /** The log's time: of the lane that is behind all others. */
  #time(): number {
    return this.#lanes.reduce((least, { watermark }) => Math.min(least, watermark), Infinity);
  }

  #oldest(): number | null {
    let oldest = Infinity;
    for (const lane of this.#lanes) oldest = Math.min(oldest, lane.oldest ?? Infinity);
    return oldest === Infinity ? null : Math.floor(oldest / this.#width);
  }
}
