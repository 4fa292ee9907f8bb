import type { Refused } from '../flow/stage.ts';
import type { Received } from '../topic/received.ts';
import type { ClosedWindow, WindowRow } from './closed-window.ts';
import type { LaneMark, LaneQueue } from './lane-queue.ts';
import { comparePlaces } from './row-order.ts';

/** The windows that are not closed yet, over all lanes. */
export class OpenWindows {
  readonly #lanes: readonly LaneQueue[];
  readonly #width: number;
  #closed: number | null;

  constructor(lanes: readonly LaneQueue[], width: number, closed: number | null) {
    this.#lanes = lanes;
    this.#width = width;
    this.#closed = closed;
  }

  /**
   * The next window to close: the oldest that has rows, or the last that has ended; null if none has. Where somebody
   * waits for the next one, be it empty, it is that.
   */
  due(isWaiting: boolean): number | null {
    const ended = Math.floor(this.#time() / this.#width) - 1;
    if (isWaiting && this.#closed !== null) return ended > this.#closed ? this.#closed + 1 : null;
    const oldest = this.#oldest();
    if (oldest !== null && oldest <= ended) return oldest;
    return ended >= 0 && (this.#closed === null || ended > this.#closed) ? ended : null;
  }

  /** Takes the window out of all lanes. */
  close(index: number): ClosedWindow {
    const rows: WindowRow[] = [];
    const refused: Refused<Received>[] = [];
    const endMicros = (index + 1) * this.#width;
    for (const lane of this.#lanes) lane.take(endMicros, rows, refused);
    rows.sort(comparePlaces);
    this.#closed = index;
    return { index, endMicros, rows, refused };
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
    return this.#lanes.filter(({ watermark }) => watermark < end);
  }

  /** Whether all lanes were read up to there. */
  reached(until: ReadonlyMap<string, bigint>): boolean {
    return this.#lanes.every(
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
